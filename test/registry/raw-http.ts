import { type IncomingHttpHeaders, request } from "node:http";

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json(): unknown;
}

/** One request as it stands: the target is sent as it is, nothing is followed, retried or normalised. */
export function send(
  host: string,
  method: string,
  target: string,
  options: { readonly headers?: Record<string, string>; readonly body?: Buffer | string | readonly Buffer[] } = {},
): Promise<RawAnswer> {
  const [hostname, port] = host.split(":");
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: target, headers: options.headers ?? {}, agent: false });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          json: () => JSON.parse(body.toString("utf8")),
        });
      });
    });
    const { body } = options;
    if (body === undefined || typeof body === "string" || Buffer.isBuffer(body)) sent.end(body);
    else {
      // In pieces: without a length, so with `Transfer-Encoding: chunked`.
      for (const piece of body) sent.write(piece);
      sent.end();
    }
  });
}

/** A place that a registry names, as the target of the next request. */
export function targetIn(answer: RawAnswer): string {
  const url = new URL(answer.headers.location ?? "", "http://registry.invalid");
  return url.pathname + url.search;
}

export function withQuery(target: string, query: Record<string, string>): string {
  return `${target}${target.includes("?") ? "&" : "?"}${new URLSearchParams(query)}`;
}
