import type { IncomingMessage } from "node:http";
import { textOf } from "../../base/json.ts";

/** The whole of a small answer. */
export async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** The whole of an answer, or undefined where it is larger than the limit; the connection is then ended. */
export async function readBytes(response: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** JSON where it is JSON. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // `/_ping` answers `OK`.
  }
}

/** Engine API, ErrorResponse: `{"message": "…"}`. Proxies in between answer whatever they like. */
export function errorMessage(text: string): string {
  const body = parseText(text);
  if (body instanceof Object && "message" in body) return textOf(body.message);
  return text.slice(0, 500);
}
