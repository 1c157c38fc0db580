import { setMaxListeners } from "node:events";
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Endpoint } from "./endpoint.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable | undefined;
  /** How long nothing may come or go before it counts as dead. Milliseconds. */
  readonly idle?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const idleTimeout = 60_000;
const connectTimeout = 10_000;
/** As many as are asked for side by side: of a history, of layers. */
const sockets = { keepAlive: true, maxSockets: 16 };

/** Kept-alive connections to a registry and to where it redirects. */
export class HttpClient {
  readonly #origin: string;
  readonly #plain = new HttpAgent(sockets);
  readonly #registry: HttpsAgent;
  readonly #elsewhere: HttpsAgent;

  constructor({ origin, authorities, client }: Endpoint) {
    this.#origin = origin;
    const trust: SecureContextOptions = authorities ? { ca: [...authorities] } : {};
    // One context for all connections: reading all authorities costs milliseconds each time.
    const context = authorities && createSecureContext(trust);
    this.#elsewhere = new HttpsAgent({ ...sockets, ...(context ? { secureContext: context } : {}) });
    this.#registry = client
      ? new HttpsAgent({ ...sockets, secureContext: createSecureContext({ ...trust, ...client }) })
      : this.#elsewhere;
  }

  /** One request; resolves with the response's head. The caller reads or discards the body. */
  send(request: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      // One for each request: a command has one signal for all that it asks for side by side.
      if (request.signal) setMaxListeners(0, request.signal);
      const secure = request.url.protocol === "https:";
      const ours = request.url.origin === this.#origin;
      const sent = (secure ? httpsRequest : httpRequest)(request.url, {
        method: request.method,
        headers: request.headers,
        agent: secure ? (ours ? this.#registry : this.#elsewhere) : this.#plain,
        ...(request.signal ? { signal: request.signal } : {}),
      });
      const idle = request.idle ?? idleTimeout;
      sent.setTimeout(idle, () => sent.destroy(new SilenceError(`nothing was heard for ${idle / 1000} s`, true)));
      limitConnecting(sent);
      const { body } = request;
      const streamed = body === undefined || Buffer.isBuffer(body) ? undefined : body;
      sent.on("response", (response) => {
        // Answered before all was sent: nobody wants the rest.
        if (streamed && !streamed.readableEnded) streamed.destroy();
        resolve(response);
      });
      sent.on("error", (error) => {
        streamed?.destroy();
        reject(error);
      });
      if (streamed === undefined) sent.end(body);
      else {
        streamed.on("error", (error) => sent.destroy(error));
        streamed.pipe(sent);
      }
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#registry.destroy();
    this.#elsewhere.destroy();
  }
}

function limitConnecting(sent: ClientRequest): void {
  sent.on("socket", (socket) => {
    if (!socket.connecting) return;
    const late = () => sent.destroy(new SilenceError(`no connection within ${connectTimeout / 1000} s`, false));
    const timer = setTimeout(late, connectTimeout);
    for (const event of ["connect", "close", "error"]) socket.once(event, () => clearTimeout(timer));
  });
}

/** The whole body. Throws if it is longer than `limit` bytes, or ends before its length. */
export function readBody(response: IncomingMessage, limit: number): Promise<Buffer> {
  // By its events: of a thousand small answers, an iterator over each costs more than what is in them.
  return new Promise((resolve, reject) => {
    const refuse = () => {
      response.destroy();
      reject(new TooLongError(limit));
    };
    if (Number(response.headers["content-length"] ?? 0) > limit) return refuse();
    if (response.closed) return reject(response.errored ?? new TruncatedError());
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) refuse();
      else chunks.push(chunk);
    });
    response.on("end", () => (response.complete ? resolve(Buffer.concat(chunks)) : reject(new TruncatedError())));
    response.on("error", reject);
    response.on("close", () => {
      if (!response.readableEnded) reject(new TruncatedError());
    });
  });
}

/** Somebody should have answered by now. */
export class SilenceError extends Error {
  /** False where not even a connection came about. */
  readonly connected: boolean;

  constructor(message: string, connected: boolean) {
    super(message);
    this.name = "SilenceError";
    this.connected = connected;
  }
}

/** The connection ended before the body did. */
export class TruncatedError extends Error {
  constructor() {
    super("the answer was cut off");
    this.name = "TruncatedError";
  }
}

/** No second try makes it shorter. */
export class TooLongError extends Error {
  constructor(limit: number) {
    super(`the answer is longer than ${limit} bytes`);
    this.name = "TooLongError";
  }
}
