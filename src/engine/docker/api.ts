import { setMaxListeners } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { formatBytes } from "../../base/bytes.ts";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { longestTimer } from "../../base/time-limit.ts";
import { errorMessage, parseText, readBytes, readText } from "./answer-text.ts";
import { apiError, connectionLost } from "./api-error.ts";
import { ConnectionAgent } from "./connection-agent.ts";
import { jsonLines } from "./json-lines.ts";
import type { Transport } from "./transport/transport.ts";
import { Turnstile } from "./turnstile.ts";

/** One request to the Engine API. */
export interface Call {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Without the version, its parts already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON; bytes and streams, which are tars, as they are. */
  readonly body?: object | Uint8Array | Readable;
  readonly headers?: OutgoingHttpHeaders;
  /** What this is for people: `starting shop-app-1`. */
  readonly doing: string;
  /** Values by name that must never appear in an error. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Statuses from 400 on that are an answer and not an error. */
  readonly accept?: readonly number[];
  /** Milliseconds without an answer until the call fails. Streams have none. */
  readonly timeout?: number;
  /** The answer is not JSON: its bytes are wanted, and at most this many. */
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Body;
}

/** The connection a request takes: a kept-alive one, or its own. */
type By = { readonly agent: ConnectionAgent } | { readonly createConnection: () => Duplex };

/** Short calls that take longer than this (milliseconds) mean a frozen host. */
const defaultTimeout = 60_000;

/** HTTP to one engine: short calls on kept-alive connections, each stream on a connection of its own. */
export class ApiClient {
  /** `/v1.43` once negotiated. */
  prefix = "";
  readonly where: string;
  readonly #transport: Transport;
  readonly #agent: ConnectionAgent;
  readonly #turnstile: Turnstile;

  constructor(transport: Transport, where: string) {
    this.where = where;
    this.#transport = transport;
    this.#agent = new ConnectionAgent(() => transport.connect());
    this.#turnstile = new Turnstile(transport.maxConnections, transport.patience);
  }

  /** A call whose answer is small. The body is parsed JSON, trusted to have the shape the API's reference gives. */
  async call<Body = unknown>(call: Call): Promise<Answer<Body>> {
    // One signal ends a whole command: that many calls listen to it is no leak, and node must not say so.
    if (call.signal) setMaxListeners(0, call.signal);
    return this.#turnstile.pass(async () => {
      try {
        return await this.#once<Body>(call, { agent: this.#agent });
      } catch (error) {
        // A kept-alive connection may have been closed by the engine the moment we used it; these may be asked again.
        if (!(error instanceof StaleConnection)) throw error;
        if (call.method !== "GET" && call.method !== "PUT") throw connectionLost(error.cause, this.where, call.doing);
        const connection = await this.#transport.connect(call.signal);
        try {
          return await this.#once<Body>(call, { createConnection: () => connection });
        } finally {
          connection.destroy();
        }
      }
    }, call.signal);
  }

  /** A call whose answer is a stream; resolves when the engine has answered the headers. */
  async stream(call: Call): Promise<IncomingMessage> {
    const connection = await this.#transport.connect(call.signal);
    const request = this.#request(call, { createConnection: () => connection });
    try {
      const response = await this.#response(request, call);
      if ((response.statusCode ?? 0) >= 400) throw this.#refusal(response, await readText(response), call);
      return response;
    } catch (error) {
      connection.destroy();
      throw this.explain(error, call);
    }
  }

  /** A call whose small answer may be hours away: on a connection of its own, with no limit of time. */
  async longCall<Body = unknown>(call: Call): Promise<Answer<Body>> {
    const connection = await this.#transport.connect(call.signal);
    try {
      return await this.#exchange<Body>(this.#request(call, { createConnection: () => connection }), call);
    } catch (error) {
      throw this.explain(error, call);
    } finally {
      connection.destroy();
    }
  }

  /** The JSON messages of a stream. Ending the iteration ends the stream; an abort throws the signal's reason. */
  async *messages<Message>(call: Call): AsyncGenerator<Message> {
    const response = await this.stream(call);
    try {
      yield* jsonLines<Message>(response);
    } catch (error) {
      throw this.explain(error, call);
    } finally {
      response.destroy();
    }
  }

  /** Turns a connection into a raw stream, as `exec` and `attach` need it (Engine API: "hijacking"). */
  async upgrade(call: Call): Promise<Duplex> {
    const connection = await this.#transport.connect(call.signal);
    const headers = { ...call.headers, Connection: "Upgrade", Upgrade: "tcp" };
    const request = this.#request({ ...call, headers }, { createConnection: () => connection });
    try {
      return await new Promise<Duplex>((resolve, reject) => {
        request.once("upgrade", (_response, socket, head) => {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
        });
        this.#response(request, call).then(async (response) => {
          reject(this.#refusal(response, await readText(response), call));
        }, reject);
      });
    } catch (error) {
      connection.destroy();
      throw this.explain(error, call);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #once<Body>(call: Call, by: By): Promise<Answer<Body>> {
    const request = this.#request(call, by);
    const limit = Math.min(call.timeout ?? defaultTimeout, longestTimer);
    const timer = setTimeout(() => request.destroy(this.#tooSlow(call, limit)), limit);
    try {
      return await this.#exchange<Body>(request, call);
    } catch (error) {
      const reset =
        error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
      if (reset && request.reusedSocket) throw new StaleConnection(error);
      throw this.explain(error, call);
    } finally {
      clearTimeout(timer);
    }
  }

  async #exchange<Body>(request: ClientRequest, call: Call): Promise<Answer<Body>> {
    const response = await this.#response(request, call);
    const status = response.statusCode ?? 0;
    const headers = response.headers;
    if (status < 400 && call.bytes !== undefined) {
      const bytes = await readBytes(response, call.bytes);
      if (bytes === undefined) throw this.#tooLarge(call, call.bytes);
      return { status, headers, body: bytes as Body };
    }
    const text = await readText(response);
    if (status >= 400 && !call.accept?.includes(status)) throw this.#refusal(response, text, call);
    const body = text === "" || status >= 400 ? undefined : parseText(text);
    return { status, headers, body: body as Body };
  }

  #request(call: Call, by: By): ClientRequest {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) query.set(key, String(value));
    }
    const search = query.size > 0 ? `?${query}` : "";
    const content = contentOf(call);
    return httpRequest({
      ...by,
      ...(call.signal ? { signal: call.signal } : {}),
      method: call.method,
      path: `${this.prefix}${call.path}${search}`,
      headers: {
        Host: "docker",
        ...(content ? { "Content-Type": "application/json", "Content-Length": content.length } : {}),
        ...(call.method === "POST" && !call.body ? { "Content-Length": 0 } : {}),
        ...call.headers,
      },
    });
  }

  /** Sends the body and waits for the headers of the answer. */
  #response(request: ClientRequest, call: Call): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request.on("error", reject);
      let answered = false;
      request.once("response", (response) => {
        answered = true;
        resolve(response);
      });
      const body = call.body;
      if (body && isStream(body)) {
        // The engine may refuse before it has read everything; its answer says more than the broken pipe does.
        pipeline(body, request).catch((error: unknown) => {
          if (!answered) reject(error);
        });
      } else request.end(contentOf(call));
    });
  }

  #refusal(response: IncomingMessage, text: string, call: Call): EnvctlError {
    return apiError({
      status: response.statusCode ?? 0,
      message: errorMessage(text),
      where: this.where,
      doing: call.doing,
      secrets: call.secrets,
    });
  }

  /** What went wrong with a connection, for people; the signal's reason where the caller aborted. */
  explain(error: unknown, call: Pick<Call, "doing" | "signal">): unknown {
    if (call.signal?.aborted) return call.signal.reason;
    if (error instanceof EnvctlError || error instanceof StaleConnection) return error;
    return connectionLost(error, this.where, call.doing);
  }

  #tooLarge(call: Call, limit: number): EnvctlError {
    return new EnvctlError({
      code: "answer-too-large",
      exitCode: ExitCode.failed,
      what: `${call.doing}: there is more than the ${formatBytes(limit)} that are read`,
      where: this.where,
    });
  }

  #tooSlow(call: Call, limit: number): EnvctlError {
    return new EnvctlError({
      code: "host-timeout",
      exitCode: ExitCode.unreachable,
      what: `${call.doing}: the engine did not answer within ${Math.round(limit / 1000)} s`,
      where: this.where,
      next: "check that the host and its engine are well: docker info",
    });
  }
}

class StaleConnection extends Error {
  constructor(cause: unknown) {
    super("a kept-alive connection was closed", { cause });
  }
}

/** The body of a request, where it is at hand as a whole. */
function contentOf({ body }: Call): Uint8Array | undefined {
  if (!body || isStream(body)) return undefined;
  return body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
}

function isStream(body: object): body is Readable {
  return "pipe" in body;
}
