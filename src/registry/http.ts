import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import type { Endpoint } from "./endpoint.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

const idleTimeout = 60_000;

/** Kept-alive connections to a registry and to where it redirects. */
export class HttpClient {
  readonly #plain = new HttpAgent({ keepAlive: true, maxSockets: 8 });
  readonly #secure: HttpsAgent;

  constructor(tls: Endpoint["tls"]) {
    this.#secure = new HttpsAgent({ keepAlive: true, maxSockets: 8, ...(tls as object) });
  }

  /** One request; resolves with the response's head. The caller reads or discards the body. */
  send(request: HttpRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = request.url.protocol === "https:";
      const make = secure ? httpsRequest : httpRequest;
      const sent = make(request.url, {
        method: request.method,
        headers: request.headers,
        agent: secure ? this.#secure : this.#plain,
        ...(request.signal ? { signal: request.signal } : {}),
      });
      sent.setTimeout(idleTimeout, () => sent.destroy(new Error(`no answer within ${idleTimeout / 1000} s`)));
      sent.on("response", resolve);
      sent.on("error", reject);
      const { body } = request;
      if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
      else {
        body.on("error", (error) => sent.destroy(error));
        body.pipe(sent);
      }
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

/** The whole body. Throws if it is longer than `limit` bytes, or ends before its length. */
export async function readBody(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > limit) {
      response.destroy();
      throw new Error(`the answer is longer than ${limit} bytes`);
    }
    chunks.push(bytes);
  }
  if (!response.complete) throw new TruncatedError();
  return Buffer.concat(chunks);
}

/** The connection ended before the body did. */
export class TruncatedError extends Error {
  constructor() {
    super("the answer was cut off");
    this.name = "TruncatedError";
  }
}
