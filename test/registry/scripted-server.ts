import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A server that does what a test tells it. */
export interface ScriptedServer {
  readonly host: string;
  /** What it was asked, in order: `GET /v2/…`. */
  readonly asked: string[];
  readonly requests: IncomingMessage[];
  stop(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, time: number) => void | Promise<void>;

/** `time` counts the requests, from 1. */
export async function startScripted(handler: Handler): Promise<ScriptedServer> {
  const asked: string[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    requests.push(request);
    void handler(request, response, asked.length);
  });
  return { host: await listening(server), asked, requests, stop: () => closed(server) };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return `127.0.0.1:${address.port}`;
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
