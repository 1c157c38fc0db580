import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "../base/clock.ts";
import { EnvctlError } from "../base/errors.ts";
import { Authentication, type Credentials } from "./authentication.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import { PassingRefusal, refused, saidBy, senseless, unreachable } from "./errors.ts";
import { HttpClient, readBody, TooLongError } from "./http.ts";
import { pauseBefore, triesAfter } from "./retry.ts";

export interface SessionOptions {
  /** Asked when the registry wants to know who we are. */
  readonly credentials: () => Promise<Credentials | undefined>;
  /** For `ENVCTL_INSECURE_REGISTRIES`, `ENVCTL_REGISTRY_CA`, `HOME`. */
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
  /** How long the registry may be silent. Milliseconds. */
  readonly idle?: number;
  readonly signal?: AbortSignal | undefined;
}

interface Answer {
  readonly response: IncomingMessage;
  /** False where another host answered, to which the registry had sent us. */
  readonly ours: boolean;
}

const redirects: readonly number[] = [301, 302, 303, 307, 308];
/** Refusals that may be others the next time. */
export const passingStatuses: readonly number[] = [429, 500, 502, 503, 504];

/** Requests to one registry: authentication, redirects, and new tries with growing pauses. */
export class Session {
  readonly host: string;
  readonly #endpoint: Endpoint;
  readonly #client: HttpClient;
  readonly #authentication: Authentication;
  readonly #clock: Clock;

  constructor(host: string, options: SessionOptions) {
    this.host = host;
    this.#clock = options.clock ?? systemClock;
    this.#endpoint = endpointOf(host, options.variables);
    this.#client = new HttpClient(this.#endpoint);
    this.#authentication = new Authentication({
      client: this.#client,
      host,
      origin: this.#endpoint.origin,
      credentials: options.credentials,
      clock: this.#clock,
    });
  }

  /** Resolves with a response whose status is expected; its body is the caller's. Throws an `EnvctlError` otherwise. */
  async call(call: Call): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#authorized(call);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (error instanceof EnvctlError) throw error;
        const refusal = error instanceof PassingRefusal ? error : undefined;
        const failure = refusal?.refusal ?? unreachable(this.host, call.path, error);
        if (attempt >= triesAfter(error) || call.retry === false) throw failure;
        const pause = pauseBefore(attempt, refusal?.retryAfter, this.#clock.now());
        // It asks for more patience than anybody has: then its own words say more than one who waits.
        if (pause === undefined) throw failure;
        await this.#clock.wait(pause, call.signal);
      }
    }
  }

  /** Waits as it does itself between the tries of a call. */
  async pause(attempt: number, signal?: AbortSignal): Promise<void> {
    await this.#clock.wait(pauseBefore(attempt, undefined, this.#clock.now()) ?? 0, signal);
  }

  /** The whole body, at most `limit` bytes. Throws if the connection ends early; asking again may help then. */
  async read(response: IncomingMessage, path: string, limit: number): Promise<Buffer> {
    try {
      return await readBody(response, limit);
    } catch (error) {
      throw error instanceof TooLongError ? senseless(`${this.host}/${path}`, error.message) : error;
    }
  }

  /**
   * The place that the answer to `target` names, for the next call. A registry behind a proxy or a tunnel may be wrong about
   * its own scheme and port.
   */
  locationOf(response: IncomingMessage, target: string, path: string): string {
    const { location } = response.headers;
    const from = new URL(target, this.#endpoint.origin);
    if (location === undefined || !URL.canParse(location, from.href))
      throw senseless(`${this.host}/${path}`, "it gives no place to upload to");
    const url = new URL(location, from);
    if (url.hostname === new URL(this.#endpoint.origin).hostname) return url.pathname + url.search;
    this.#refuseUnsafe(from, url, `${this.host}/${path}`, "wants an upload sent");
    return url.href;
  }

  /** The error for an answer that cannot be used. */
  broken(path: string, cause: unknown): EnvctlError {
    return cause instanceof EnvctlError ? cause : unreachable(this.host, path, cause);
  }

  close(): void {
    this.#client.close();
  }

  async #authorized(call: Call): Promise<IncomingMessage> {
    const scope = scopeOf(call);
    const known = this.#authentication.header(scope);
    const first = await this.#send(call, known);
    const challenge = first.response.headers["www-authenticate"];
    // A challenge of another host is none of the registry's: whoever answers it gives the password away.
    if (first.response.statusCode !== 401 || challenge === undefined || !first.ours)
      return await this.#expected(call, first.response);
    // Read to its end before anything else is sent: the token may have to come over this very connection.
    const said = await saidIn(first.response);
    const answer = await this.#authentication.answer(challenge, scope, call.signal);
    if (answer === undefined || answer === known)
      throw refused({ host: this.host, path: call.path, status: 401, said });
    return await this.#expected(call, (await this.#send(call, answer)).response);
  }

  async #expected(call: Call, response: IncomingMessage): Promise<IncomingMessage> {
    const status = response.statusCode ?? 0;
    if (call.expect.includes(status)) return response;
    const refusal = refused({ host: this.host, path: call.path, status, said: await saidIn(response) });
    throw passingStatuses.includes(status) ? new PassingRefusal(refusal, response.headers["retry-after"]) : refusal;
  }

  async #send(call: Call, authorization: string | undefined): Promise<Answer> {
    const { method, signal, idle } = call;
    let url = new URL(call.target, this.#endpoint.origin);
    for (let hop = 0; ; hop += 1) {
      const ours = url.origin === this.#endpoint.origin;
      const headers: Record<string, string> = { "User-Agent": "envctl", ...call.headers };
      // Storage behind a registry is another house: it must not see who we are there.
      if (authorization !== undefined && ours) headers.Authorization = authorization;
      const body = await call.body?.();
      if (Buffer.isBuffer(body)) headers["Content-Length"] = String(body.length);
      const response = await this.#client.send({ method, url, headers, body, idle, signal });
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (!redirects.includes(status) || location === undefined || call.expect.includes(status))
        return { response, ours };
      response.resume();
      url = this.#redirected(call, url, location, hop);
    }
  }

  #redirected(call: Call, from: URL, location: string, hop: number): URL {
    const where = `${this.host}/${call.path}`;
    if (hop >= 5) throw senseless(where, "it redirects without end");
    if (!URL.canParse(location, from.href)) throw senseless(where, "it redirects to no address");
    const to = new URL(location, from);
    this.#refuseUnsafe(from, to, where, "redirects");
    return to;
  }

  /** What was private on its way to the registry stays private on its way to where the registry sends it. */
  #refuseUnsafe(from: URL, to: URL, where: string, does: string): void {
    if (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:")) return;
    throw senseless(where, `it ${does} from ${from.protocol}// to ${to.protocol}//`);
  }
}

async function saidIn(response: IncomingMessage): Promise<string> {
  // What a refusal says is only an explanation: without it there is still the status.
  return saidBy(await readBody(response, 64 * 1024).catch(() => Buffer.alloc(0)));
}

function scopeOf(call: Call): string {
  const own = `repository:${call.path}:${call.access}`;
  return call.from === undefined ? own : `${own} repository:${call.from}:pull`;
}
