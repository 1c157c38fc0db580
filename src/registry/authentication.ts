import type { Clock } from "../base/clock.ts";
import { parseChallenges } from "./challenges.ts";
import { isLoopback } from "./endpoint.ts";
import { PassingRefusal, refused, saidBy, unsafeRealm } from "./errors.ts";
import { type HttpClient, readBody } from "./http.ts";

export interface Credentials {
  /** `<token>` where the password is an identity token, as Docker marks it. */
  readonly username: string;
  readonly password: string;
}

interface Options {
  readonly client: HttpClient;
  readonly host: string;
  /** `https://registry.example.com:5000` */
  readonly origin: string;
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly clock: Clock;
}

/** Any repository: credentials that are sent themselves hold for all. */
const everywhere = "*";

/**
 * Answers a registry's challenges: `Basic`, and `Bearer` with tokens from the realm it names (distribution-spec; Docker's
 * token authentication). Tokens are kept by scope until they expire.
 */
export class Authentication {
  readonly #options: Options;
  readonly #headers = new Map<string, { readonly value: string; readonly until: number }>();
  readonly #asked = new Map<string, Promise<string | undefined>>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** The header that worked for this scope before. */
  header(scope: string): string | undefined {
    const known = this.#headers.get(scope) ?? this.#headers.get(everywhere);
    return known && known.until > this.#now() ? known.value : undefined;
  }

  /** A header for the challenge, or undefined where there is nothing to answer it with. */
  async answer(header: string, scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer");
    if (bearer) return await this.#oneToken(bearer.parameters, scope, signal);
    if (!challenges.some((challenge) => challenge.scheme === "basic")) return undefined;
    const credentials = await this.#options.credentials();
    if (!credentials) return undefined;
    const value = basic(credentials);
    this.#headers.set(everywhere, { value, until: Number.POSITIVE_INFINITY });
    return value;
  }

  /** Many requests may be turned away at the same time: one token serves them all. */
  async #oneToken(
    parameters: Readonly<Record<string, string>>,
    scope: string,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const asked = this.#asked.get(scope);
    if (asked) return await asked;
    const asking = this.#token(parameters, scope, signal);
    this.#asked.set(scope, asking);
    try {
      return await asking;
    } finally {
      this.#asked.delete(scope);
    }
  }

  async #token(
    { realm, service }: Readonly<Record<string, string>>,
    scope: string,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    if (realm === undefined || !URL.canParse(realm)) return undefined;
    const url = new URL(realm);
    const credentials = await this.#options.credentials();
    if (!this.#isSafe(url, credentials !== undefined)) throw unsafeRealm(this.#options.host, url.origin);
    const response =
      credentials?.username === "<token>"
        ? await this.#trade(url, credentials.password, service, scope, signal)
        : await this.#ask(url, credentials, service, scope, signal);
    const body = await readBody(response, 1024 * 1024);
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      const path = scope.split(":")[1] ?? "";
      const refusal = refused({ host: this.#options.host, path, status, said: saidBy(body) });
      if (status === 429 || status >= 500) throw new PassingRefusal(refusal, response.headers["retry-after"]);
      throw refusal;
    }
    const token = readToken(body);
    if (token === undefined) return undefined;
    const value = `Bearer ${token.text}`;
    // A little early: it must still hold when it arrives.
    this.#headers.set(scope, { value, until: this.#now() + (token.seconds - 5) * 1000 });
    return value;
  }

  /** Credentials go over a safe connection or nowhere; on declared plain HTTP, to the registry's own machine alone. */
  #isSafe(realm: URL, withCredentials: boolean): boolean {
    if (realm.protocol === "https:") return true;
    if (realm.protocol !== "http:") return false;
    const registry = new URL(this.#options.origin);
    const declared = registry.protocol === "http:" && registry.hostname === realm.hostname;
    return isLoopback(realm.host) || declared || (!withCredentials && registry.protocol === "http:");
  }

  /** Docker's token authentication: GET, with the credentials if there are any. */
  #ask(
    realm: URL,
    credentials: Credentials | undefined,
    service: string | undefined,
    scope: string,
    signal?: AbortSignal,
  ) {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const one of scope.split(" ")) url.searchParams.append("scope", one);
    const headers: Record<string, string> = {
      "User-Agent": "envctl",
      ...(credentials ? { Authorization: basic(credentials) } : {}),
    };
    return this.#options.client.send({ method: "GET", url, headers, signal });
  }

  /** An identity token is traded in by POST (OAuth 2, RFC 6749 §6). */
  #trade(url: URL, identity: string, service: string | undefined, scope: string, signal?: AbortSignal) {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: identity,
      client_id: "envctl",
      scope,
      ...(service === undefined ? {} : { service }),
    });
    const body = Buffer.from(form.toString());
    const headers = {
      "User-Agent": "envctl",
      "Content-Type": "application/x-www-form-urlencoded",
      "Content-Length": String(body.length),
    };
    return this.#options.client.send({ method: "POST", url, headers, body, signal });
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** The realm's answer: foreign data. Without `expires_in`, a token holds for 60 s. */
function readToken(body: Buffer): { text: string; seconds: number } | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  const { token, access_token, expires_in } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const text = typeof token === "string" && token !== "" ? token : access_token;
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) return undefined;
  return { text, seconds: typeof expires_in === "number" && expires_in > 0 ? expires_in : 60 };
}
