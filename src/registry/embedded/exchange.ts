import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "./refusal.ts";

/** One request and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
}

export function answer(
  { response }: Exchange,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
  body?: string | Buffer,
): void {
  const length =
    body === undefined && status !== 200
      ? { "Content-Length": 0 }
      : body === undefined
        ? {}
        : { "Content-Length": Buffer.byteLength(body) };
  response.writeHead(status, { ...length, ...headers });
  response.end(body);
}

export function refuse(exchange: Exchange, refusal: Refusal): void {
  const body = JSON.stringify({ errors: [{ code: refusal.code, message: refusal.message }] });
  answer(
    exchange,
    refusal.status,
    { "Content-Type": "application/json", ...refusal.headers },
    exchange.request.method === "HEAD" ? undefined : body,
  );
}

/** The request's whole body. Refuses what is longer than `limit` bytes. */
export async function readWhole({ request }: Exchange, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > limit) throw new Refusal(413, "SIZE_INVALID", `more than ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
