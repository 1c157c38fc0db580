import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isDigest } from "../../base/digest.ts";
import { messageOf } from "../../base/errors.ts";
import { isLoopback } from "../endpoint.ts";
import * as blobs from "./blob-routes.ts";
import { isRepository } from "./blobs.ts";
import { answer, type Exchange, refuse } from "./exchange.ts";
import * as manifests from "./manifest-routes.ts";
import { Refusal } from "./refusal.ts";
import { Store } from "./store.ts";

/** Where it listens if that is free: then image names on hosts stay the same from one run to the next. */
const preferredPort = 47_115;

export interface EmbeddedRegistry {
  readonly port: number;
  /** `127.0.0.1:47115` */
  readonly host: string;
  close(): Promise<void>;
}

/** Starts an OCI registry (distribution-spec 1.1) on this machine's loopback, over a folder that several may share. */
export async function startEmbeddedRegistry(options: {
  readonly directory: string;
  readonly port?: number;
}): Promise<EmbeddedRegistry> {
  const store = new Store(options.directory);
  const server = createServer((request, response) => {
    void serve(store, request, response);
  });
  // A large layer over a slow connection may take long, and a client that pauses is no reason to hang up.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 75_000;
  const port = await listen(server, options.port ?? preferredPort);
  return {
    port,
    host: `127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, port: number): Promise<number> {
  const bound = await new Promise<boolean>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" && port !== 0 ? resolve(false) : reject(error),
    );
    // Never on another address: whoever reaches it may read and write everything.
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!bound) return await listen(server, 0);
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the embedded registry has no address");
  return address.port;
}

async function serve(store: Store, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Without the base's help: a target like `//` is a host to URL, and no host at all.
  const [target = "", ...query] = (request.url ?? "/").split("?");
  const exchange: Exchange = { request, response, query: new URLSearchParams(query.join("?")) };
  response.setHeader("Docker-Distribution-API-Version", "registry/2.0");
  try {
    refuseBrowsers(request);
    await route(store, exchange, decoded(target));
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    request.resume();
    refuse(exchange, error instanceof Refusal ? error : failure(store, error));
  }
}

/**
 * What a disk that is full, or a folder that may not be written, does to a request. Engines pass on the words of a 403, and at
 * once; of a 500 they tell the number alone, after they have tried for most of a minute.
 */
function failure({ directory }: Store, error: unknown): Refusal {
  const code = error instanceof Error && "syscall" in error && "code" in error ? error.code : undefined;
  if (code === undefined) return new Refusal(500, "UNKNOWN", messageOf(error));
  return new Refusal(403, "DENIED", `the embedded registry's folder ${directory} does not take it (${code})`);
}

/** A web page can make a browser call loopback addresses: under a name of its own, or openly, as a request across sites. */
function refuseBrowsers({ headers }: IncomingMessage): void {
  if (!isLoopback(headers.host ?? "")) throw new Refusal(403, "DENIED", "only loopback names are served");
  if (headers.origin !== undefined || headers["sec-fetch-mode"] !== undefined)
    throw new Refusal(403, "DENIED", "web pages are not served");
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal(400, "UNSUPPORTED", "this is no valid path");
  }
}

async function route(store: Store, exchange: Exchange, path: string): Promise<void> {
  if (path === "/v2" || path === "/v2/") return answer(exchange, 200, { "Content-Type": "application/json" }, "{}");
  const match = /^\/v2\/(.+?)\/(?:(manifests|blobs|referrers)\/([^/]+)|(blobs\/uploads)\/([^/]*)|(tags)\/list)$/.exec(
    path,
  );
  const repository = match?.[1] ?? "";
  if (!match) throw new Refusal(404, "UNSUPPORTED", "there is nothing here");
  if (!isRepository(repository)) throw new Refusal(400, "NAME_INVALID", "this is no valid name of a repository");
  const kind = match[2] ?? match[4] ?? match[6];
  const name = match[3] ?? match[5] ?? "";
  const handler = handlers[`${exchange.request.method} ${kind}${kind === "blobs/uploads" && name !== "" ? "/id" : ""}`];
  if (!handler) throw new Refusal(405, "UNSUPPORTED", `${exchange.request.method} is not possible here`);
  await handler(store, exchange, repository, name);
}

type Handler = (store: Store, exchange: Exchange, repository: string, name: string) => Promise<void>;

const handlers: Readonly<Record<string, Handler>> = {
  "GET manifests": manifests.getManifest,
  "HEAD manifests": manifests.getManifest,
  "PUT manifests": manifests.putManifest,
  "DELETE manifests": manifests.deleteManifest,
  "GET tags": manifests.listTags,
  "GET referrers": withDigest(manifests.listReferrers),
  "GET blobs": withDigest(blobs.getBlob),
  "HEAD blobs": withDigest(blobs.getBlob),
  "DELETE blobs": withDigest(blobs.deleteBlob),
  "POST blobs/uploads": blobs.postUpload,
  "GET blobs/uploads/id": withUpload(blobs.getUpload),
  "PATCH blobs/uploads/id": withUpload(blobs.patchUpload),
  "PUT blobs/uploads/id": withUpload(blobs.putUpload),
  "DELETE blobs/uploads/id": withUpload(blobs.deleteUpload),
};

function withDigest(
  handler: (store: Store, exchange: Exchange, repository: string, digest: `sha256:${string}`) => Promise<void>,
): Handler {
  return async (store, exchange, repository, name) => {
    if (!isDigest(name)) throw new Refusal(400, "DIGEST_INVALID", "a sha256 digest is wanted");
    await handler(store, exchange, repository, name);
  };
}

function withUpload(handler: Handler): Handler {
  return async (store, exchange, repository, name) => {
    if (!/^[0-9a-f-]{36}$/.test(name)) throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload");
    await handler(store, exchange, repository, name);
  };
}
