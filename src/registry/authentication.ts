import { isLoopback } from "./endpoint.ts";
import { refused, saidBy } from "./errors.ts";
import { type HttpClient, readBody } from "./http.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Answers a registry's challenges: `Basic`, and `Bearer` with tokens from the realm it names (distribution-spec; Docker's
 * token authentication). Tokens are kept by scope until they expire.
 */
export class Authentication {
  readonly #client: HttpClient;
  readonly #host: string;
  readonly #credentials: () => Promise<Credentials | undefined>;
  readonly #headers = new Map<string, { readonly value: string; readonly until: number }>();

  constructor(client: HttpClient, host: string, credentials: () => Promise<Credentials | undefined>) {
    this.#client = client;
    this.#host = host;
    this.#credentials = credentials;
  }

  /** The header that worked for this scope before. */
  header(scope: string): string | undefined {
    const known = this.#headers.get(scope) ?? this.#headers.get("*");
    return known && known.until > Date.now() ? known.value : undefined;
  }

  /** A header for the challenge, or undefined where there is nothing to answer it with. */
  async answer(header: string, scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer) return await this.#token(bearer, scope, signal);
    const credentials = await this.#credentials();
    if (!credentials || !challenges.some((challenge) => challenge.scheme === "basic")) return undefined;
    const value = basic(credentials);
    this.#headers.set("*", { value, until: Number.POSITIVE_INFINITY });
    return value;
  }

  async #token({ parameters }: Challenge, scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const { realm } = parameters;
    if (realm === undefined || !URL.canParse(realm)) return undefined;
    const url = new URL(realm);
    // Credentials go over a safe connection or nowhere.
    if (url.protocol !== "https:" && !isLoopback(url.host) && !isLoopback(this.#host)) return undefined;
    if (parameters.service !== undefined) url.searchParams.set("service", parameters.service);
    for (const one of scope.split(" ")) url.searchParams.append("scope", one);
    const credentials = await this.#credentials();
    const response = await this.#ask(url, credentials, parameters.service, scope, signal);
    const body = await readBody(response, 1024 * 1024);
    if (response.statusCode !== 200) {
      throw refused({
        host: this.#host,
        path: scope.split(":")[1] ?? "",
        status: response.statusCode ?? 0,
        said: saidBy(body),
      });
    }
    const answer: unknown = JSON.parse(body.toString("utf8"));
    const { token, access_token, expires_in } = (answer ?? {}) as {
      token?: unknown;
      access_token?: unknown;
      expires_in?: unknown;
    };
    const text = typeof token === "string" ? token : access_token;
    if (typeof text !== "string" || /[\r\n]/.test(text)) return undefined;
    const seconds = typeof expires_in === "number" ? expires_in : 60;
    const value = `Bearer ${text}`;
    // A little early: it must still hold when it arrives.
    this.#headers.set(scope, { value, until: Date.now() + (seconds - 5) * 1000 });
    return value;
  }

  async #ask(
    url: URL,
    credentials: Credentials | undefined,
    service: string | undefined,
    scope: string,
    signal?: AbortSignal,
  ) {
    // Docker marks an identity token by this user name; such a token is traded in by POST (OAuth 2).
    if (credentials?.username === "<token>") {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: credentials.password,
        client_id: "envctl",
        scope,
        ...(service === undefined ? {} : { service }),
      });
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      return await this.#client.send({
        method: "POST",
        url: new URL(url.origin + url.pathname),
        headers,
        body: Buffer.from(form.toString()),
        signal,
      });
    }
    const headers: Record<string, string> = credentials ? { Authorization: basic(credentials) } : {};
    return await this.#client.send({ method: "GET", url, headers, signal });
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Reads `WWW-Authenticate` (RFC 9110 §11.6.1), as far as registries use it. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const part = /\s*,?\s*(?:([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([A-Za-z0-9-]+)(?=\s|$|,))/y;
  let match = part.exec(header);
  while (match) {
    const [, name, quoted, bare, scheme] = match;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else if (name !== undefined) {
      const current = challenges.at(-1);
      if (current) current.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "";
    }
    match = part.exec(header);
  }
  return challenges.filter(
    (challenge): challenge is Challenge => challenge.scheme === "basic" || challenge.scheme === "bearer",
  );
}
