import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";

/** Milliseconds between comments that keep proxies and browsers from closing a quiet stream. */
const heartbeat = 15_000;

const page = (port: number) => `envctl dev tells browsers here when the app has changed and answers again.
Put this into the page, in development only:

  <script>
    new EventSource("http://127.0.0.1:${port}/events").addEventListener("reload", () => location.reload());
  </script>

The data of each event is JSON: { "files": ["src/page.html"], "release": "3f2c1ab" }.
`;

/** Server-sent events on this machine's loopback (HTML Living Standard §9.2). */
export class ReloadEndpoint {
  readonly port: number;
  readonly #listeners: Set<ServerResponse>;
  readonly #close: () => Promise<void>;
  #next = 1;

  private constructor(port: number, listeners: Set<ServerResponse>, close: () => Promise<void>) {
    this.port = port;
    this.#listeners = listeners;
    this.#close = close;
  }

  /** Throws `port-taken`. */
  static async open(port: number): Promise<ReloadEndpoint> {
    const listeners = new Set<ServerResponse>();
    const server = createServer((request, response) => {
      const path = (request.url ?? "/").split("?")[0];
      // Any page of the developer's may listen: there is nothing to be learned but that files changed.
      response.setHeader("Access-Control-Allow-Origin", "*");
      if (path === "/events" && request.method === "GET") {
        response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
        response.write("retry: 1000\n\n");
        listeners.add(response);
        response.on("close", () => listeners.delete(response));
      } else if (path === "/" && request.method === "GET") {
        response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" }).end(page(port));
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(taken(port, error)));
      server.listen(port, "127.0.0.1", resolve);
    });
    const timer = setInterval(() => {
      for (const listener of listeners) listener.write(": still here\n\n");
    }, heartbeat);
    return new ReloadEndpoint((server.address() as AddressInfo).port, listeners, async () => {
      clearInterval(timer);
      for (const listener of listeners) listener.end();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  }

  /** To be called once the app answers with these files. */
  tell(files: readonly string[], release: string): void {
    const data = JSON.stringify({ files, release });
    for (const listener of this.#listeners) listener.write(`id: ${this.#next}\nevent: reload\ndata: ${data}\n\n`);
    this.#next += 1;
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

function taken(port: number, cause: unknown): EnvctlError {
  return new EnvctlError({
    code: "port-taken",
    exitCode: ExitCode.usage,
    what: `browsers cannot be told to reload on port ${port}: ${messageOf(cause)}`,
    where: `127.0.0.1:${port}`,
    next: "set `dev.reload` to another port, or end the program that has it",
    cause,
  });
}
