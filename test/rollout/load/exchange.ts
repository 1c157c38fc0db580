import { type Agent, type ClientRequest, type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { connect as overTcp, type Socket } from "node:net";
import { connect as overTls } from "node:tls";
import type { LoadError, LoadTarget } from "./model.ts";

export interface Call {
  readonly target: LoadTarget;
  /** One of the target's. */
  readonly url: string;
  /** Below the URL: `/slow?ms=3000`. */
  readonly path: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Without one the connection serves this request alone. */
  readonly agent?: Agent;
  /** A connection that is open already, from `open`. */
  readonly socket?: Socket;
  /** Milliseconds. */
  readonly timeout: number;
  readonly body?: AsyncIterable<Buffer>;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Why there is no whole answer. */
export class ExchangeError extends Error {
  readonly code: string;
  /** True where a connection that had served before was closed, and no byte of an answer came. */
  readonly reusedAndClosed: boolean;
  readonly timing: Timing | undefined;

  constructor(
    code: string,
    { reusedAndClosed = false, timing }: Partial<Pick<ExchangeError, "reusedAndClosed" | "timing">> = {},
  ) {
    super(code);
    this.code = code;
    this.reusedAndClosed = reusedAndClosed;
    this.timing = timing;
  }
}

/** When it came to its end, and when it was connected, as in `LoadError`. */
type Timing = Pick<LoadError, "after" | "connected">;

/** Connects, and sends nothing. Rejects with an `ExchangeError`. */
export function open({ target, url, timeout }: Pick<Call, "target" | "url" | "timeout">): Promise<Socket> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const secure = protocol === "https:";
  const to = { host, port: Number(port || (secure ? 443 : 80)) };
  const servername = target.host?.replace(/:\d+$/, "") ?? "";
  const socket = secure ? overTls({ ...to, ca: target.ca, servername }) : overTcp(to);
  return new Promise((resolve, reject) => {
    socket.setTimeout(timeout, () => socket.destroy(new ExchangeError("TIMEOUT")));
    socket.once(secure ? "secureConnect" : "connect", () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => reject(new ExchangeError(error.code ?? error.message)));
  });
}

/** Starts a request without sending it. */
export function begin(call: Call): ClientRequest {
  const { target } = call;
  const base = new URL(call.url);
  const secure = base.protocol === "https:";
  return (secure ? overHttps : overHttp)({
    hostname: base.hostname.replace(/^\[|\]$/g, ""),
    port: base.port || (secure ? 443 : 80),
    path: `${base.pathname.replace(/\/$/, "")}${call.path}`,
    method: call.method ?? "GET",
    headers: { ...(target.host === undefined ? {} : { Host: target.host }), ...call.headers },
    agent: call.agent ?? false,
    ...(call.socket ? { createConnection: () => call.socket as Socket } : {}),
    ...(secure ? { ca: target.ca, servername: target.host?.replace(/:\d+$/, "") } : {}),
  });
}

/** Sends a request and reads its whole answer. Rejects with an `ExchangeError`. */
export async function exchange(call: Call): Promise<Answer> {
  const begun = performance.now();
  const sinceBegun = () => Math.round(performance.now() - begun);
  let connected: number | undefined;
  const request = begin(call);
  request.on("socket", (socket) => {
    if (socket.connecting)
      socket.once("connect", () => {
        connected = sinceBegun();
      });
  });
  const timing = (): Timing => ({ after: sinceBegun(), connected });
  let code: string | undefined;
  const timer = setTimeout(() => {
    code = "TIMEOUT";
    request.destroy();
  }, call.timeout);
  try {
    return await new Promise((resolve, reject) => {
      let response: IncomingMessage | undefined;
      request.on("response", (incoming) => {
        response = incoming;
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", () => {});
        incoming.on("close", () => {
          const isWhole = incoming.complete && code === undefined;
          if (isWhole) resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) });
          else reject(new ExchangeError(code ?? "TRUNCATED", { timing: timing() }));
        });
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        if (response) return; // Its own end tells more.
        const found = code ?? error.code ?? error.message;
        const wasOpen = request.reusedSocket || call.socket !== undefined;
        const reusedAndClosed = wasOpen && (found === "ECONNRESET" || found === "EPIPE");
        reject(new ExchangeError(found, { reusedAndClosed, timing: timing() }));
      });
      send(request, call.body).catch(() => request.destroy());
    });
  } finally {
    clearTimeout(timer);
  }
}

async function send(request: ClientRequest, body: AsyncIterable<Buffer> | undefined): Promise<void> {
  for await (const chunk of body ?? []) {
    if (request.destroyed) return;
    request.write(chunk);
  }
  request.end();
}
