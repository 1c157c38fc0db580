import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "../base/clock.ts";
import { EnvctlError } from "../base/errors.ts";
import { Authentication, type Credentials } from "./authentication.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import { refused, saidBy, unreachable } from "./errors.ts";
import { HttpClient, readBody } from "./http.ts";

export interface SessionOptions {
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock | undefined;
}

export interface Call {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** A path from the root, or a whole URL that the registry gave. */
  readonly target: string;
  /** The repository it is about. */
  readonly path: string;
  readonly access: "pull" | "pull,push" | "pull,push,delete";
  /** A second repository that is read from: for mounts. */
  readonly from?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each try. */
  readonly body?: (() => Buffer | Promise<Readable>) | undefined;
  /** Statuses that are answers and not failures. */
  readonly expect: readonly number[];
  /** False where a second try could do harm: the caller resumes by itself. */
  readonly retry?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const attempts = 5;
const longestPause = 10_000;

/** Requests to one registry: authentication, redirects, and new tries with growing pauses. */
export class Session {
  readonly host: string;
  readonly #endpoint: Endpoint;
  readonly #client: HttpClient;
  readonly #authentication: Authentication;
  readonly #clock: Clock;

  constructor(host: string, options: SessionOptions) {
    this.host = host;
    this.#endpoint = endpointOf(host, options.variables);
    this.#client = new HttpClient(this.#endpoint.tls);
    this.#authentication = new Authentication(this.#client, host, options.credentials);
    this.#clock = options.clock ?? systemClock;
  }

  /** Resolves with a response whose status is expected; its body is the caller's. Throws an `EnvctlError` otherwise. */
  async call(call: Call): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= attempts || call.retry === false;
      try {
        const response = await this.#authorized(call);
        const status = response.statusCode ?? 0;
        if (call.expect.includes(status)) return response;
        const said = saidBy(await readBody(response, 64 * 1024).catch(() => Buffer.alloc(0)));
        const passing = status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
        if (!passing || last) throw refused({ host: this.host, path: call.path, status, said });
        await this.#pause(attempt, response.headers["retry-after"], call.signal);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (error instanceof EnvctlError) throw error;
        if (last || !isPassing(error)) throw unreachable(this.host, error);
        await this.#pause(attempt, undefined, call.signal);
      }
    }
  }

  /** The error for an answer that cannot be used. */
  broken(path: string, cause: unknown): EnvctlError {
    return unreachable(`${this.host}/${path}`, cause);
  }

  close(): void {
    this.#client.close();
  }

  async #authorized(call: Call): Promise<IncomingMessage> {
    const scope = scopeOf(call);
    const known = this.#authentication.header(scope);
    const response = await this.#send(call, known);
    if (response.statusCode !== 401) return response;
    const challenge = response.headers["www-authenticate"];
    if (challenge === undefined) return response;
    const answer = await this.#authentication.answer(challenge, scope, call.signal);
    if (answer === undefined || answer === known) return response;
    response.resume();
    return await this.#send(call, answer);
  }

  async #send(call: Call, authorization: string | undefined): Promise<IncomingMessage> {
    let url = new URL(call.target, this.#endpoint.origin);
    for (let hop = 0; ; hop += 1) {
      const headers: Record<string, string> = { "User-Agent": "envctl", ...call.headers };
      // Storage behind a registry is another house: it must not see who we are there.
      if (authorization !== undefined && url.origin === this.#endpoint.origin) headers.Authorization = authorization;
      const body = await call.body?.();
      if (Buffer.isBuffer(body)) headers["Content-Length"] = String(body.length);
      const response = await this.#client.send({ method: call.method, url, headers, body, signal: call.signal });
      const { location } = response.headers;
      const moved = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0);
      if (!moved || location === undefined || call.expect.includes(response.statusCode ?? 0)) return response;
      response.resume();
      if (hop >= 5) throw new Error("the registry redirects without end");
      url = new URL(location, url);
      if (url.protocol !== "https:" && url.protocol !== "http:")
        throw new Error(`the registry redirects to ${url.protocol}`);
    }
  }

  async #pause(attempt: number, retryAfter: string | undefined, signal?: AbortSignal): Promise<void> {
    const seconds = Number(retryAfter);
    const asked = retryAfter !== undefined && Number.isFinite(seconds) ? seconds * 1000 : 0;
    const grown = 200 * 2 ** (attempt - 1) * (0.5 + Math.random());
    await this.#clock.wait(Math.min(longestPause, Math.max(asked, grown)), signal);
  }
}

function scopeOf(call: Call): string {
  const own = `repository:${call.path}:${call.access}`;
  return call.from === undefined ? own : `${own} repository:${call.from}:pull`;
}

/** Connections that broke off may hold the next time; a name that is not known or a certificate that is wrong will not. */
function isPassing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (["ENOTFOUND", "ECONNREFUSED", "EPROTO", "ERR_TLS_CERT_ALTNAME_INVALID"].includes(code)) return false;
  return !/CERT|SIGNED|VERIFY|redirects/.test(`${code} ${error instanceof Error ? error.message : ""}`);
}
