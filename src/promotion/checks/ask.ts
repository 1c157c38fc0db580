import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { request as requestByTls } from "node:https";
import type { Duplex } from "node:stream";
import type { HttpCheck } from "../../environment/verification.ts";
import type { Answer } from "../../plan/judge-answer.ts";

/** Bytes of a body that count. */
const bodyLimit = 1024 * 1024;

/** What is asked: a whole address, or a path by a connection that is open already. */
export type Question =
  | { readonly url: string }
  | { readonly socket: Duplex; readonly path: string; readonly host: string };

/** Sends the request of a check, and reads the answer to its end. Rejects with the system's own errors. */
export async function ask(
  check: Pick<HttpCheck, "method" | "headers">,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const started = performance.now();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = send(check, question, signal);
    asked.on("response", resolve);
    asked.on("error", reject);
    asked.end();
  });
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, bodyLimit - kept));
    kept += chunk.length;
    // An event stream has no end.
    if (kept >= bodyLimit) break;
  }
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
    ),
    body: Buffer.concat(chunks).toString("utf8"),
    took: performance.now() - started,
  };
}

function send(
  { method, headers: own }: Pick<HttpCheck, "method" | "headers">,
  question: Question,
  signal: AbortSignal,
): ClientRequest {
  const headers = { "User-Agent": "envctl-verify", Accept: "*/*", Connection: "close", ...own };
  if ("url" in question) {
    const by = question.url.startsWith("https:") ? requestByTls : request;
    return by(question.url, { method, headers, agent: false, signal });
  }
  const { socket, path, host } = question;
  return request({ createConnection: () => socket, method, path, headers: { Host: host, ...headers }, signal });
}
