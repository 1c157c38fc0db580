import { randomBytes } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { imageArchive } from "../../src/registry/archive.ts";
import type { Credentials } from "../../src/registry/authentication.ts";
import { copyImage } from "../../src/registry/copy.ts";
import { credentialsFor } from "../../src/registry/credentials.ts";
import { collectGarbage } from "../../src/registry/embedded/garbage.ts";
import { Store } from "../../src/registry/embedded/store.ts";
import { endpointOf } from "../../src/registry/endpoint.ts";
import { describeImage } from "../../src/registry/image.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { pauseBefore } from "../../src/registry/retry.ts";
import { Session } from "../../src/registry/session.ts";
import { content, descriptor, imageManifest, layerType, manifest } from "./content.ts";
import { send } from "./raw-http.ts";
import { startRegistry, temporaryFolder } from "./registries.ts";
import { type Handler, startScripted } from "./scripted-server.ts";

const robot: Credentials = { username: "robot", password: "hunter2" };
const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function script(handler: Handler) {
  const server = await startScripted(handler);
  toStop.push(server.stop);
  return server;
}

async function folder(): Promise<string> {
  const directory = await temporaryFolder();
  toStop.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A client whose pauses are only written down. */
function open(host: string, variables: Record<string, string> = {}, credentials: Credentials | undefined = robot) {
  const pauses: number[] = [];
  const clock = {
    now: () => new Date("2026-01-01T00:00:00Z"),
    wait: async (duration: number) => void pauses.push(duration),
  };
  const registry = openRegistry(host, { credentials: async () => credentials, variables, clock });
  toStop.push(() => registry.close());
  return { registry, pauses };
}

async function embedded() {
  const running = await startRegistry("embedded");
  toStop.push(running.stop);
  return { ...running, ...open(running.host) };
}

async function push(registry: Registry, path: string, bytes: Buffer | string) {
  const blob = content(bytes);
  await registry.uploadBlob(path, descriptor(blob, layerType), async (offset) =>
    Readable.from([blob.bytes.subarray(offset)]),
  );
  return blob;
}

describe("who is told the password", () => {
  it("is not the storage that the registry redirects to, whatever it asks", async () => {
    const thief = await script((_, response) => void response.end(JSON.stringify({ token: "x" })));
    const storage = await script((_, response) => {
      response.writeHead(401, { "WWW-Authenticate": `Bearer realm="http://${thief.host}/token"` }).end();
    });
    const registry = await script((_, response) => {
      response.writeHead(307, { Location: `http://${storage.host}/object` }).end();
    });
    await expect(open(registry.host).registry.readBlob("app", digestOf("x"))).rejects.toMatchObject({
      code: "registry-unauthorized",
    });
    expect(storage.asked).toHaveLength(1);
    expect(thief.asked).toEqual([]);
  });

  it("is not another host that an upload is sent to", async () => {
    const elsewhere = await script((request, response) => {
      request.resume();
      response.writeHead(201).end();
    });
    const registry = await script((request, response) => {
      request.resume();
      if (request.headers.authorization === undefined)
        return void response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
      response.writeHead(202, { Location: `http://${elsewhere.host.replace("127.0.0.1", "localhost")}/upload` }).end();
    });
    await push(open(registry.host).registry, "app", "content");
    expect(registry.requests.at(-1)?.headers.authorization).toMatch(/^Basic /);
    expect(elsewhere.asked).toEqual([`PUT /upload?digest=${encodeURIComponent(digestOf("content"))}`]);
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("is the registry, however its address is written", async () => {
    const registry = await script(({ headers }, response) => {
      const isKnown = headers.authorization !== undefined;
      response.writeHead(isKnown ? 200 : 401, { "WWW-Authenticate": `Basic realm="r"` });
      response.end(isKnown ? JSON.stringify({ tags: ["v1"] }) : "");
    });
    const host = registry.host.replace("127.0.0.1", "LOCALHOST");
    const { registry: shouted } = open(host, { ENVCTL_INSECURE_REGISTRIES: host });
    expect(await shouted.tags("app")).toEqual(["v1"]);
    const named = (name: string) => endpointOf(name, { ENVCTL_INSECURE_REGISTRIES: "[0:0:0:0:0:0:0:1]:80" }).origin;
    expect(named("registry.example.com:443")).toBe("https://registry.example.com");
    expect(named("[0:0:0:0:0:0:0:1]:80")).toBe("http://[::1]");
    // It is out of reach, and no defect.
    await expect(open("1.2.3.999").registry.tags("app")).rejects.toMatchObject({ code: "registry-unreachable" });
  });

  it("is nobody that reads the error for a garbled configuration", async () => {
    const directory = await folder();
    await writeFile(join(directory, "config.json"), '{"auths":{"x":{"auth":"c2VjcmV0OnNlY3JldA=="}},}');
    const error: Error = await credentialsFor("x", { DOCKER_CONFIG: directory }).then(
      () => new Error("resolved"),
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: "docker-config-invalid" });
    expect(error.message + String(error.cause)).not.toContain("c2VjcmV0");
  });

  it("is no registry where variables do not say which", async () => {
    const variables = { ENVCTL_REGISTRY_USERNAME: "ci", ENVCTL_REGISTRY_PASSWORD: "secret" };
    await expect(credentialsFor("x.example", variables)).rejects.toMatchObject({
      code: "registry-unnamed",
      exitCode: 2,
      next: expect.stringContaining("ENVCTL_REGISTRY=x.example"),
    });
  });
});

describe("a client certificate", () => {
  it("without its key is an error that names the file", async () => {
    const home = await folder();
    const trusted = join(home, ".docker", "certs.d", "x.example");
    await mkdir(trusted, { recursive: true });
    await writeFile(join(trusted, "client.cert"), "");
    expect(() => openRegistry("x.example", { credentials: async () => robot, variables: { HOME: home } })).toThrow(
      expect.objectContaining({ code: "certificates-unreadable", where: join(trusted, "client.key") }),
    );
  });
});

describe("many requests at once", () => {
  it("that are turned away wait for one token, over the connections that they hold themselves", async () => {
    const server = await script(async (request, response) => {
      if (request.url?.startsWith("/token")) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return void response.end(JSON.stringify({ token: "good", expires_in: 300 }));
      }
      if (request.headers.authorization === "Bearer good") return void response.writeHead(404).end();
      const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "x".repeat(20_000) }] });
      response.writeHead(401, { "WWW-Authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end(body);
    });
    const { registry } = open(server.host);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => registry.manifest("app", `v${at}`)));
    expect(answers).toEqual(Array.from({ length: 40 }, () => undefined));
    expect(server.asked.filter((line) => line.startsWith("GET /token"))).toHaveLength(1);
  });

  it("find connections again after blobs that nobody read", async () => {
    const big = content(randomBytes(3_000_000));
    const { registry } = await embedded();
    await push(registry, "app", big.bytes);
    for (let at = 0; at < 20; at += 1) (await registry.blob("app", big.digest)).destroy();
    expect(await registry.hasBlob("app", big.digest)).toBe(true);
  });
});

describe("a registry that asks for patience", () => {
  it.each([
    ["2", 2000],
    ["Thu, 01 Jan 2026 00:00:03 GMT", 3000],
  ])("gets as much as Retry-After: %s says", async (retryAfter, least) => {
    const server = await script((_, response, time) => {
      if (time > 1) response.writeHead(404).end();
      else response.writeHead(429, { "Retry-After": retryAfter }).end();
    });
    const { registry, pauses } = open(server.host);
    await registry.manifest("app", "v1");
    expect(pauses).toEqual([least]);
  });

  it("for an hour is not waited for", async () => {
    const server = await script((_, response) => void response.writeHead(429, { "Retry-After": "3600" }).end());
    const { registry, pauses } = open(server.host);
    await expect(registry.manifest("app", "v1")).rejects.toMatchObject({ code: "registry-refused" });
    expect(pauses).toEqual([]);
    expect(server.asked).toHaveLength(1);
  });

  it("by saying nothing gets two tries and no more", async () => {
    const server = await script(() => {});
    const clock = { now: () => new Date(), wait: async () => {} };
    const session = new Session(server.host, { credentials: async () => undefined, variables: {}, clock });
    toStop.push(() => session.close());
    const call = { method: "GET", target: "/v2/", path: "app", access: "pull", expect: [200], idle: 50 } as const;
    await expect(session.call(call)).rejects.toMatchObject({
      code: "registry-unreachable",
      exitCode: 5,
      message: expect.stringContaining("nothing was heard for 0.05 s"),
    });
    expect(server.asked).toHaveLength(2);
  });

  it("gets longer pauses with each try, whatever it writes in the header", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.option(fc.string(), { nil: undefined }), (attempt, header) => {
        const pause = pauseBefore(attempt, header, new Date());
        expect(pause === undefined || (pause >= 100 && pause <= 60_000)).toBe(true);
      }),
    );
    const now = new Date();
    expect(pauseBefore(1, undefined, now)).toBeLessThanOrEqual(300);
    expect(pauseBefore(4, undefined, now)).toBeGreaterThanOrEqual(800);
    expect(pauseBefore(30, undefined, now)).toBe(10_000);
  });
});

describe("what a registry may not do to us", () => {
  it("lists without end", async () => {
    const circle = await script((request, response) => {
      response.writeHead(200, { Link: `<${request.url}>; rel="next"` }).end('{"tags":["a"]}');
    });
    await expect(open(circle.host).registry.tags("app")).rejects.toMatchObject({ code: "registry-refused" });
    expect(circle.asked).toHaveLength(1);
  });

  it("an index that names its child many times, many levels deep", async () => {
    const { registry, host } = await embedded();
    const config = await push(registry, "bomb", '{"os":"linux","architecture":"amd64"}');
    let top = imageManifest(config, []);
    await registry.putManifest("bomb", top.descriptor.digest, top);
    for (let level = 0; level < 30; level += 1) {
      top = manifest({ manifests: [top.descriptor, top.descriptor], annotations: { level } }, MediaType.ociIndex);
      await registry.putManifest("bomb", top.descriptor.digest, top);
    }
    const { digest } = top.descriptor;
    expect((await describeImage(registry, "bomb", digest))?.configs).toEqual({ "linux/amd64": config.digest });
    await copyImage({ source: { registry, path: "bomb" }, target: { registry, path: "copy" }, digest });
    expect((await send(host, "HEAD", `/v2/copy/manifests/${digest}`)).status).toBe(200);
  });

  it.each([
    ["shorter", 4, 5],
    ["longer", 6, 5],
    ["shorter, as a stream", 9_000_000, 9_000_001],
    ["longer, as a stream", 9_000_002, 9_000_001],
  ])("let us wait for, or store, content that is %s than its descriptor says", async (_name, real, said) => {
    const { registry } = await embedded();
    const blob = content(Buffer.alloc(real, "x"));
    const wrong = { ...descriptor(blob, layerType), size: said };
    await expect(registry.uploadBlob("app", wrong, async () => Readable.from([blob.bytes]))).rejects.toMatchObject({
      code: "digest-mismatch",
      exitCode: 6,
    });
    expect(await registry.hasBlob("app", blob.digest)).toBe(false);
  });

  it("put a tar out of joint with a layer of another size", async () => {
    const { registry, host } = await embedded();
    const config = await push(registry, "app", "{}");
    const layer = await push(registry, "app", randomBytes(1000));
    const lying = manifest({
      config: descriptor(config, "application/vnd.oci.image.config.v1+json"),
      layers: [{ ...descriptor(layer, layerType), size: 1 }],
    });
    expect(
      (
        await send(host, "PUT", `/v2/app/manifests/${lying.descriptor.digest}`, {
          headers: { "Content-Type": MediaType.ociManifest },
          body: Buffer.from(lying.bytes),
        })
      ).status,
    ).toBe(201);
    const archive = await imageArchive(registry, "app", lying.descriptor.digest, "linux/amd64");
    await expect(
      (async () => {
        for await (const _ of archive);
      })(),
    ).rejects.toThrow("1000 bytes and not 1");
  });

  it("name a place with a scheme and a port that only it knows", async () => {
    const { host } = await embedded();
    const front = await script(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await send(host, request.method ?? "", request.url ?? "", { body: Buffer.concat(chunks) });
      const location = answer.headers.location;
      const moved = location === undefined ? {} : { location: `https://127.0.0.1:5000${location}` };
      response.writeHead(answer.status, { ...answer.headers, ...moved }).end(answer.body);
    });
    const { registry } = open(front.host);
    const blob = await push(registry, "app", "through a tunnel");
    expect(await registry.hasBlob("app", blob.digest)).toBe(true);
  });
});

describe("the embedded registry", () => {
  it.each([{ Origin: "https://evil.example" }, { "Sec-Fetch-Mode": "no-cors" }, { Origin: "null" }])(
    "takes nothing from a web page: %j",
    async (headers) => {
      const { host, registry } = await embedded();
      const blob = content("junk");
      const target = `/v2/app/blobs/uploads/?digest=${blob.digest}`;
      expect((await send(host, "POST", target, { headers, body: blob.bytes })).status).toBe(403);
      expect(await registry.hasBlob("app", blob.digest)).toBe(false);
    },
  );

  it("refuses manifests of other schemas", async () => {
    const { host } = await embedded();
    for (const body of ["{}", '{"schemaVersion":1}']) {
      const headers = { "Content-Type": MediaType.ociManifest };
      expect((await send(host, "PUT", "/v2/app/manifests/v1", { headers, body })).status).toBe(400);
    }
  });

  it("collects nothing while a manifest cannot be read", async () => {
    const { directory, registry } = await embedded();
    const store = new Store(directory);
    const config = await push(registry, "app", "{}");
    const image = imageManifest(config, []);
    await registry.putManifest("app", "v1", image);
    const old = new Date(Date.now() - 7_200_000);
    await utimes(store.blobPath(config.digest), old, old);
    // Something that is there and gives an error, even to root.
    await rm(store.blobPath(image.descriptor.digest));
    await mkdir(store.blobPath(image.descriptor.digest));
    await expect(collectGarbage(directory)).rejects.toThrow("EISDIR");
    expect(await store.blobSize(config.digest)).toBe(2);
  });

  it("clears away what killed processes had not finished", async () => {
    const { directory, registry } = await embedded();
    const store = new Store(directory);
    await registry.putManifest("app", "v1", imageManifest(await push(registry, "app", "{}"), []));
    const left = join(store.linkFolder("app", "tag"), ".0b3f");
    await writeFile(left, "half");
    const old = new Date(Date.now() - 7_200_000);
    await utimes(left, old, old);
    expect(await registry.tags("app")).toEqual(["v1"]);
    await collectGarbage(directory);
    await expect(utimes(left, old, old)).rejects.toThrow("ENOENT");
    expect(await registry.tags("app")).toEqual(["v1"]);
  });
});
