import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createRawServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silent } from "../../src/base/progress.ts";
import { ApiClient } from "../../src/engine/docker/api.ts";
import { UnixTransport } from "../../src/engine/docker/transport/unix.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";

let folder: string;
let path: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "engine-api-"));
  path = join(folder, "engine.sock");
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

/** A server with an engine's manners, for what no real engine does when asked. */
async function answering(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

async function open(): Promise<Engine> {
  const engine = await openEngine({ kind: "unix", name: "unix://engine", path });
  cleanups.push(() => engine.close());
  return engine;
}

/** Answers pings in a version; the rest goes to `listener`. */
function withVersion(version: string, listener: RequestListener): RequestListener {
  return (request, response) => {
    if (request.url === "/_ping") response.setHeader("Api-Version", version).end("OK");
    else listener(request, response);
  };
}

describe("the version", () => {
  test("is the engine's where it is older than ours, and ours where the engine is newer", async () => {
    const asked: (string | undefined)[] = [];
    const listener: RequestListener = (request, response) => {
      asked.push(request.url);
      response.end("[]");
    };
    await answering(withVersion("1.43", listener));
    await (await open()).networks({});
    expect(asked.at(-1)).toMatch(/^\/v1\.43\/networks/);
  });

  test("of an engine that is too old is refused", async () => {
    await answering(withVersion("1.40", () => {}));
    await expect(open()).rejects.toMatchObject({ code: "engine-too-old", where: "unix://engine" });
  });

  test("that an engine no longer accepts is told apart", async () => {
    const listener: RequestListener = (_request, response) => {
      response.statusCode = 400;
      response.end(
        JSON.stringify({ message: "client version 1.51 is too old. Minimum supported API version is 1.60" }),
      );
    };
    await answering(withVersion("1.70", listener));
    await expect(open()).rejects.toMatchObject({ code: "engine-too-new" });
  });

  test("is missing where something else listens", async () => {
    await answering((_request, response) => response.end("hello"));
    await expect(open()).rejects.toMatchObject({ code: "not-an-engine", exitCode: 5 });
  });

  test("is never asked of what does not speak HTTP", async () => {
    const server = createRawServer((socket) => socket.on("error", () => {}).write("Welcome to the machine\r\n"));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanups.push(() => server.close());
    await expect(open()).rejects.toMatchObject({ code: "not-an-engine", exitCode: 5 });
  });
});

describe("a transfer", () => {
  const reference = `10.0.0.1:5000/app@sha256:${"1".repeat(64)}`;

  test("that fails in its stream, after status 200, fails", async () => {
    const lines = [
      { status: "Pulling from app", id: "x" },
      { errorDetail: { message: "write /layer: no space left on device" }, error: "write /layer: no space left" },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\r\n`).join("");
    await answering(withVersion("1.41", (_request, response) => response.end(text)));
    await expect((await open()).pullImage(reference, undefined, silent)).rejects.toMatchObject({ code: "disk-full" });
  });

  test("whose connection breaks is not taken for done", async () => {
    const listener: RequestListener = (_request, response) => {
      response.write(`${JSON.stringify({ status: "Downloading", id: "x" })}\r\n`);
      setTimeout(() => response.destroy(), 20);
    };
    await answering(withVersion("1.41", listener));
    await expect((await open()).pullImage(reference, undefined, silent)).rejects.toMatchObject({
      code: "host-unreachable",
      exitCode: 5,
    });
  });

  test("carries credentials as the engine reads them: base64 with an alphabet for URLs", async () => {
    let header: unknown;
    const listener: RequestListener = (request, response) => {
      header = request.headers["x-registry-auth"];
      response.end();
    };
    await answering(withVersion("1.41", listener));
    const credentials = { username: "a", password: "\u00fb\u00ff???>>>", registry: "10.0.0.1:5000" };
    await (await open()).pullImage(reference, credentials, silent);
    expect(header).toMatch(/^[A-Za-z0-9_-]+=*$/);
    const sent = JSON.parse(Buffer.from(String(header), "base64url").toString());
    expect(sent).toEqual({ username: "a", password: credentials.password, serveraddress: "10.0.0.1:5000" });
  });

  test("carries an identity token as one, and not as the password of somebody called <token>", async () => {
    let header: unknown;
    const listener: RequestListener = (request, response) => {
      header = request.headers["x-registry-auth"];
      response.end();
    };
    await answering(withVersion("1.41", listener));
    const credentials = { username: "<token>", password: "identity", registry: "team.azurecr.io" };
    await (await open()).pullImage(reference, credentials, silent);
    const sent = JSON.parse(Buffer.from(String(header), "base64url").toString());
    expect(sent).toEqual({ identitytoken: "identity", serveraddress: "team.azurecr.io" });
  });
});

describe("a call", () => {
  test("to an engine that accepts and never answers ends", async () => {
    await answering(() => {});
    const api = new ApiClient(new UnixTransport(path, "frozen"), "frozen");
    cleanups.push(() => api.close());
    const call = api.call({ method: "GET", path: "/_ping", doing: "asking", timeout: 100 });
    await expect(call).rejects.toMatchObject({ code: "host-timeout", exitCode: 5, where: "frozen" });
  });

  test("ends with the caller's own reason when aborted, waiting ones too", async () => {
    await answering(() => {});
    const api = new ApiClient(new UnixTransport(path, "frozen"), "frozen");
    cleanups.push(() => api.close());
    const stop = new AbortController();
    const call = () => api.call({ method: "GET", path: "/x", doing: "asking", signal: stop.signal });
    const calls = Array.from({ length: 40 }, call);
    const results = Promise.allSettled(calls);
    setTimeout(() => stop.abort(new Error("enough")), 50);
    for (const result of await results) expect(result).toMatchObject({ reason: new Error("enough") });
  });

  test("uses few connections for many calls, and survives a connection the engine has closed", async () => {
    let connections = 0;
    const server = await answering((_request, response) => response.end("{}"));
    server.on("connection", () => {
      connections += 1;
    });
    const api = new ApiClient(new UnixTransport(path, "x"), "x");
    cleanups.push(() => api.close());
    const call = () => api.call({ method: "GET", path: "/x", doing: "asking" });
    await Promise.all(Array.from({ length: 100 }, call));
    expect(connections).toBeLessThanOrEqual(16);
    for (let round = 0; round < 20; round += 1) {
      server.closeAllConnections();
      await call();
    }
  });

  test("is explained where nothing listens", async () => {
    await expect(open()).rejects.toMatchObject({ code: "docker-not-running", exitCode: 5 });
    const server = createRawServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanups.push(() => server.close());
    await openEngine({ kind: "tcp", name: "tcp://x", host: "127.0.0.1", port: 1 }).catch((error: unknown) =>
      expect(error).toMatchObject({ code: "host-refused", exitCode: 5 }),
    );
  });
});
