import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { copyImage } from "../../src/registry/copy.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { content, descriptor, imageManifest, layerType } from "./content.ts";
import { freePort, startRegistry } from "./registries.ts";
import { type Handler, type ScriptedServer, startScripted } from "./scripted-server.ts";

const toStop: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function serve(handler: Handler): Promise<{ server: ScriptedServer; registry: Registry }> {
  const server = await startScripted(handler);
  toStop.push(server.stop);
  return { server, registry: open(server.host) };
}

function open(host: string): Registry {
  // Pauses without their length; cancellation is tested with the true clock.
  const clock = { now: () => new Date(), wait: async () => {} };
  const credentials = async () => ({ username: "robot", password: "hunter2" });
  const registry = openRegistry(host, { credentials, variables: {}, clock });
  toStop.push(() => registry.close());
  return registry;
}

async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const image = imageManifest(content("{}"), []);
const { digest } = image.descriptor;
const manifestHeaders = { "Content-Type": MediaType.ociManifest, "Docker-Content-Digest": digest };
const blob = content(randomBytes(300_000));

describeLab("answers that are refusals", () => {
  it("takes 401 without a challenge for what it is", async () => {
    const { registry, server } = await serve((_, response) => void response.writeHead(401).end());
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({
      code: "registry-unauthorized",
      exitCode: 5,
      next: `docker login ${server.host}`,
    });
    expect(server.asked).toHaveLength(1);
  });

  it("takes 404 for absence", async () => {
    const { registry } = await serve((_, response) => void response.writeHead(404).end("not found"));
    expect(await registry.manifest("app", "v1")).toBeUndefined();
    expect(await registry.hasBlob("app", digest)).toBe(false);
    expect(await registry.tags("app")).toEqual([]);
  });

  it.each([429, 500, 502, 503, 504])("tries again after %i", async (status) => {
    const { registry, server } = await serve((_, response, time) => {
      if (time <= 2) response.writeHead(status, { "Retry-After": "0" }).end();
      else response.writeHead(200, manifestHeaders).end(image.bytes);
    });
    expect((await registry.manifest("app", "v1"))?.descriptor).toEqual(image.descriptor);
    expect(server.asked).toHaveLength(3);
  });

  it("gives up after a few tries and says what the registry said", async () => {
    const body = JSON.stringify({ errors: [{ code: "TOOMANYREQUESTS", message: "pull rate limit" }] });
    const { registry, server } = await serve((_, response) => void response.writeHead(429).end(body));
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({
      code: "registry-refused",
      message: "the registry answered 429: TOOMANYREQUESTS pull rate limit",
    });
    expect(server.asked).toHaveLength(5);
  });

  it("does not repeat what was refused for good", async () => {
    const { registry, server } = await serve((_, response) => void response.writeHead(403).end());
    await expect(registry.putManifest("app", "v1", image)).rejects.toMatchObject({ code: "registry-unauthorized" });
    expect(server.asked).toHaveLength(1);
  });

  it("shows hostile text without control characters, and not all of it", async () => {
    const hostile = `\u001b[2J\u001b]0;owned\u0007\r\nline\u0000\u009b\u202e${"x".repeat(5000)}`;
    for (const body of [hostile, JSON.stringify({ errors: [{ code: hostile, message: { toString: 1 } }] })]) {
      const { registry } = await serve((_, response) => void response.writeHead(400).end(body));
      const error: Error = await registry.manifest("app", "v1").then(
        () => new Error("resolved"),
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ code: "registry-refused" });
      expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(error.message.length).toBeLessThan(400);
    }
  });
});

describeLab("content that is broken", () => {
  it("asks again for a manifest that was cut off", async () => {
    const { registry, server } = await serve((_, response, time) => {
      response.writeHead(200, { ...manifestHeaders, "Content-Length": image.bytes.length });
      if (time > 1) return void response.end(image.bytes);
      response.write(image.bytes.slice(0, 20));
      setTimeout(() => response.destroy(), 20);
    });
    expect((await registry.manifest("app", "v1"))?.descriptor.digest).toBe(digest);
    expect(server.asked).toHaveLength(2);
  });

  it("gives up on a manifest that is always cut off", async () => {
    const { registry } = await serve((_, response) => {
      response.writeHead(200, { ...manifestHeaders, "Content-Length": 1000 });
      response.write("{");
      setTimeout(() => response.destroy(), 5);
    });
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({ code: "registry-unreachable", exitCode: 5 });
  });

  it.each([
    ["ranges", true],
    ["no ranges", false],
  ])("takes a blob up where it broke off, from a registry with %s", async (_name, ranges) => {
    const { registry, server } = await serve((request, response, time) => {
      const start = ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
      const rest = blob.bytes.subarray(start);
      const part = { "Content-Range": `bytes ${start}-${blob.bytes.length - 1}/${blob.bytes.length}` };
      response.writeHead(start > 0 ? 206 : 200, { "Content-Length": rest.length, ...(start > 0 ? part : {}) });
      if (time >= 3) return void response.end(rest);
      response.write(rest.subarray(0, 100_000));
      setTimeout(() => response.destroy(), 50);
    });
    expect((await read(await registry.blob("app", blob.digest))).equals(blob.bytes)).toBe(true);
    expect(server.requests.map((request) => request.headers.range)).toEqual([
      undefined,
      "bytes=100000-",
      ranges ? "bytes=200000-" : "bytes=100000-",
    ]);
  });

  it("does not hang when the blob breaks off before the place it broke off at", async () => {
    const { registry } = await serve((_, response, time) => {
      response.writeHead(200, { "Content-Length": blob.bytes.length });
      response.write(blob.bytes.subarray(0, time === 1 ? 200_000 : 1000));
      setTimeout(() => response.destroy(), 50);
    });
    await expect(read(await registry.blob("app", blob.digest))).rejects.toMatchObject({ code: "registry-unreachable" });
  });

  it("asks again for a small blob that was cut off", async () => {
    const { registry } = await serve((_, response, time) => {
      response.writeHead(200, { "Content-Length": blob.bytes.length });
      if (time > 1) return void response.end(blob.bytes);
      response.write(blob.bytes.subarray(0, 1000));
      setTimeout(() => response.destroy(), 20);
    });
    expect((await registry.readBlob("app", blob.digest)).length).toBe(blob.bytes.length);
  });

  it("stops reading when the reader goes away", async () => {
    let closed = false;
    const { registry } = await serve((_, response) => {
      response.on("close", () => {
        closed = true;
      });
      const more = setInterval(() => response.write(Buffer.alloc(256 * 1024)), 1);
      response.on("close", () => clearInterval(more));
      response.writeHead(200);
    });
    const stream = await registry.blob("app", blob.digest);
    stream.on("error", () => {});
    await new Promise((resolve) => stream.once("data", resolve));
    stream.destroy();
    await expect.poll(() => closed, { timeout: 2000 }).toBe(true);
  });

  it("refuses other bytes than the digest says", async () => {
    const { registry, server } = await serve((request, response) => {
      const isManifest = request.url?.includes("manifests");
      response.writeHead(200, isManifest ? { "Content-Type": MediaType.ociManifest } : {}).end("{}");
    });
    const mismatch = { code: "digest-mismatch", exitCode: 6 };
    await expect(registry.manifest("app", digest)).rejects.toMatchObject(mismatch);
    await expect(registry.readBlob("app", blob.digest)).rejects.toMatchObject(mismatch);
    await expect(registry.blob("app", blob.digest).then(read)).rejects.toMatchObject(mismatch);
    expect(server.asked).toHaveLength(3);
  });

  it("refuses another digest in the header than asked for, sent or received", async () => {
    const other = { "Content-Type": MediaType.ociManifest, "Docker-Content-Digest": digestOf("other") };
    const { registry } = await serve((request, response) => {
      request.resume();
      response.writeHead(request.method === "PUT" ? 201 : 200, other);
      response.end(request.method === "GET" ? image.bytes : undefined);
    });
    const mismatch = { code: "digest-mismatch", exitCode: 6 };
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject(mismatch);
    await expect(registry.head("app", digest)).rejects.toMatchObject(mismatch);
    await expect(registry.putManifest("app", "v1", image)).rejects.toMatchObject(mismatch);
  });

  it("does not take a registry at its word when a copy has another digest afterwards", async () => {
    const source = await serve((_, response) => void response.writeHead(200, manifestHeaders).end(image.bytes));
    const target = await serve((request, response) => {
      request.resume();
      // It says that it has everything, but not this manifest, neither before nor after.
      const status = request.url?.includes("manifests") ? (request.method === "PUT" ? 201 : 404) : 200;
      response.writeHead(status).end();
    });
    const copy = copyImage({
      source: { registry: source.registry, path: "app" },
      target: { registry: target.registry, path: "app" },
      digest,
    });
    await expect(copy).rejects.toMatchObject({ code: "digest-mismatch", exitCode: 6 });
  });

  it("reads no manifest over 4 MiB, and does not ask for it again", async () => {
    const { registry, server } = await serve((_, response) => {
      response.writeHead(200, { "Content-Type": MediaType.ociManifest });
      response.end(Buffer.alloc(4 * 1024 * 1024 + 1, " "));
    });
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({ exitCode: 5 });
    expect(server.asked).toHaveLength(1);
  });

  it.each(["{garbage", "[]", "null", '"text"', ""])(
    "calls %j an answer that cannot be read, or nothing",
    async (body) => {
      const { registry } = await serve((_, response) => void response.writeHead(200).end(body));
      for (const asked of [registry.tags("app"), registry.referrers("app", digest)]) {
        const outcome = await asked.catch((error: unknown) => error);
        if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ name: "EnvctlError", exitCode: 5 });
        else expect(outcome).toEqual([]);
      }
    },
  );
});

describeLab("redirects", () => {
  it("follows a blob to its storage and does not say there who we are", async () => {
    const storage = await serve((_, response) => void response.writeHead(200).end(blob.bytes));
    const { registry, server } = await serve((request, response) => {
      if (request.headers.authorization === undefined)
        return void response.writeHead(401, { "WWW-Authenticate": 'Basic realm="here"' }).end();
      response.writeHead(307, { Location: `http://${storage.server.host}/bucket/object?signature=abc` }).end();
    });
    expect(Buffer.from(await registry.readBlob("app", blob.digest)).equals(blob.bytes)).toBe(true);
    expect(server.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(storage.server.asked).toEqual(["GET /bucket/object?signature=abc"]);
    expect(storage.server.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([
    ["without end", "/v2/app/manifests/again", 6],
    ["to another scheme", "file:///etc/passwd", 1],
    ["to nowhere", "http://[", 1],
  ])("does not follow redirects %s", async (_name, location, asked) => {
    const { registry, server } = await serve(
      (_, response) => void response.writeHead(307, { Location: location }).end(),
    );
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({ name: "EnvctlError", exitCode: 5 });
    expect(server.asked).toHaveLength(asked);
  });
});

describeLab("connections that break", () => {
  it("says at once that nobody listens", async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const registry = openRegistry(host, { credentials: async () => undefined, variables: {} });
    toStop.push(() => registry.close());
    const started = performance.now();
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({
      code: "registry-unreachable",
      exitCode: 5,
      where: expect.stringContaining(host),
    });
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it("tries again when the connection breaks off before the answer", async () => {
    const { registry } = await serve((request, response, time) => {
      if (time <= 2) return void request.socket.destroy();
      response.writeHead(200, manifestHeaders).end(image.bytes);
    });
    expect((await registry.manifest("app", "v1"))?.descriptor.digest).toBe(digest);
  });

  it.each(["embedded", "docker-registry"] as const)("goes on with an upload to %s that was cut", async (kind) => {
    const behind = await startRegistry(kind);
    toStop.push(behind.stop);
    const big = content(randomBytes(12 * 1024 * 1024));
    const { registry, server } = await serve(cutting(behind.host, "PATCH", 5_000_000));
    const offsets: number[] = [];
    const sources: Readable[] = [];
    await registry.uploadBlob("app", descriptor(big, layerType), async (offset) => {
      offsets.push(offset);
      const source = Readable.from(pieces(big.bytes.subarray(offset)));
      sources.push(source);
      return source;
    });
    if (kind === "embedded") {
      // Where it is still busy with what had come when it is asked, it goes on from a place that is soon too early, and says so.
      expect([2, 3]).toContain(offsets.length);
      expect(offsets[1]).toBeGreaterThan(0);
      expect(offsets).toEqual(offsets.toSorted((one, other) => one - other));
    } else expect(offsets).toHaveLength(2);
    // The source that was given up must not stay open: it may be a connection to another registry.
    expect(sources.every((source) => source.destroyed)).toBe(true);
    expect(server.asked.filter((line) => line.startsWith("PATCH"))).toHaveLength(offsets.length);
    const direct = open(behind.host);
    expect((await read(await direct.blob("app", big.digest))).equals(big.bytes)).toBe(true);
  });

  it.each(["embedded", "docker-registry"] as const)("begins a small upload to %s anew that was cut", async (kind) => {
    const behind = await startRegistry(kind);
    toStop.push(behind.stop);
    const small = content(randomBytes(2_000_000));
    const { registry } = await serve(cutting(behind.host, "PUT", 500_000));
    await registry.uploadBlob("app", descriptor(small, layerType), async () => Readable.from([small.bytes]));
    expect(await open(behind.host).hasBlob("app", small.digest)).toBe(true);
  });

  it.each(["PATCH", "PUT"])("takes a blob as sent where only the answer to %s was lost", async (method) => {
    const behind = await startRegistry("embedded");
    toStop.push(behind.stop);
    const some = content(randomBytes(method === "PUT" ? 1000 : 9 * 1024 * 1024));
    const { registry } = await serve(cutting(behind.host, method, Number.POSITIVE_INFINITY));
    await registry.uploadBlob("app", descriptor(some, layerType), async (offset) =>
      Readable.from([some.bytes.subarray(offset)]),
    );
    expect(await open(behind.host).hasBlob("app", some.digest)).toBe(true);
  });

  it("stops in the pause between two tries when it is cancelled", async () => {
    const { server } = await serve((_, response) => void response.writeHead(503, { "Retry-After": "9" }).end());
    const registry = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
    toStop.push(() => registry.close());
    const controller = new AbortController();
    const started = performance.now();
    const asked = registry.manifest("app", "v1", controller.signal);
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await expect(asked).rejects.toThrow("enough");
    expect(performance.now() - started).toBeLessThan(2000);
    expect(server.asked).toHaveLength(1);
  });

  it("stops waiting for an answer, and reading a blob, when it is cancelled", async () => {
    const { registry } = await serve((request, response) => {
      if (request.url?.includes("blobs")) response.writeHead(200).write("part");
    });
    const reason = new Error("enough");
    const controller = new AbortController();
    const stream = await registry.blob("app", blob.digest, controller.signal);
    const outcomes = [read(stream), registry.manifest("app", "v1", controller.signal)].map((one) =>
      one.catch((error: unknown) => error),
    );
    await wait(50);
    controller.abort(reason);
    expect(await Promise.all(outcomes)).toEqual([reason, reason]);
  });
});

/** A way to another registry on which the first request of one method is cut: after some bytes, or before its answer. */
function cutting(to: string, method: string, after: number): Handler {
  let cut = false;
  return async (request, response) => {
    const [hostname, port] = to.split(":");
    const headers = { ...request.headers, host: to };
    const first = request.method === method && !cut;
    if (first) cut = true;
    const onward = httpRequest({ hostname, port, method: request.method, path: request.url, headers, agent: false });
    onward.on("error", () => {});
    onward.on("response", (answer) => {
      if (first) return void request.socket.destroy();
      const { location, ...rest } = answer.headers;
      const moved = location === undefined ? {} : { location: location.replace(`http://${to}`, "") };
      response.writeHead(answer.statusCode ?? 500, { ...rest, ...moved });
      answer.pipe(response);
    });
    let passed = 0;
    for await (const chunk of request) {
      passed += (chunk as Buffer).length;
      if (!onward.write(chunk)) await new Promise((resolve) => onward.once("drain", resolve));
      if (first && passed >= after) {
        // What was passed on must have arrived there.
        await wait(100);
        onward.destroy();
        request.socket.destroy();
        return;
      }
    }
    onward.end();
  };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}
