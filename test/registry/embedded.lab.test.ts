import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterEach, expect, it } from "vitest";
import { type Digest, digestOf } from "../../src/base/digest.ts";
import { collectGarbage } from "../../src/registry/embedded/garbage.ts";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { Store } from "../../src/registry/embedded/store.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Content, content, descriptor, imageManifest, layerType, manifest } from "./content.ts";
import { send, targetIn, withQuery } from "./raw-http.ts";
import { ended, freePort, temporaryFolder } from "./registries.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function folder(): Promise<string> {
  const directory = await temporaryFolder();
  toStop.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(directory: string, port = 0): Promise<{ host: string; port: number; registry: Registry }> {
  const server = await startEmbeddedRegistry({ directory, port });
  toStop.push(() => server.close());
  const registry = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
  toStop.push(() => registry.close());
  return { host: server.host, port: server.port, registry };
}

/** In a process of its own; `kill` is SIGKILL. */
async function startProcess(directory: string): Promise<{ host: string; kill: () => Promise<void> }> {
  const script = fileURLToPath(new URL("embedded-process.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  toStop.push(() => ended(child));
  const host = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (line: Buffer) => resolve(line.toString("utf8").trim()));
    child.once("exit", () => reject(new Error("the registry did not start")));
  });
  return { host, kill: () => ended(child) };
}

async function push(registry: Registry, path: string, bytes: Buffer | string): Promise<Content> {
  const blob = content(bytes);
  await registry.uploadBlob(path, descriptor(blob, layerType), async (offset) =>
    Readable.from([blob.bytes.subarray(offset)]),
  );
  return blob;
}

describeLab("one folder", () => {
  it("serves two servers that push the same blob at once", async () => {
    const directory = await folder();
    const [one, two] = [await startProcess(directory), await startProcess(directory)];
    const blob = randomBytes(12 * 1024 * 1024);
    const clients = [one, two].map(({ host }) =>
      openRegistry(host, { credentials: async () => undefined, variables: {} }),
    );
    toStop.push(() => clients.forEach((client) => void client.close()));
    await Promise.all([...clients, ...clients].map((client) => push(client, "team/shop", blob)));
    for (const client of clients) {
      const chunks: Buffer[] = [];
      for await (const chunk of await client.blob("team/shop", digestOf(blob))) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).equals(blob)).toBe(true);
    }
    expect(await readdir(join(directory, "repositories", "team", "shop", "_uploads"))).toEqual([]);
  });

  it("keeps what came of an upload when its server is killed, and goes on with it", async () => {
    const directory = await folder();
    const first = await startProcess(directory);
    const blob = content(randomBytes(4 * 1024 * 1024));
    const place = targetIn(await send(first.host, "POST", "/v2/app/blobs/uploads/"));
    const upload = join(directory, "repositories", "app", "_uploads", place.split("/").at(-1) ?? "");
    const [hostname, port] = first.host.split(":");
    const sent = request({ hostname, port, method: "PATCH", path: place });
    sent.on("error", () => {});
    sent.write(blob.bytes.subarray(0, 1024 * 1024));
    await expect.poll(async () => (await readFile(upload)).length, { timeout: 5000 }).toBeGreaterThan(100_000);
    await first.kill();
    expect(existsSync(new Store(directory).blobPath(blob.digest))).toBe(false);

    const second = await startProcess(directory);
    const status = await send(second.host, "GET", place);
    expect(status.status).toBe(204);
    const offset = Number(status.headers.range?.split("-")[1]) + 1;
    expect(offset).toBeGreaterThan(100_000);
    const headers = { "Content-Range": `${offset}-${blob.bytes.length - 1}` };
    const rest = await send(second.host, "PATCH", place, { headers, body: blob.bytes.subarray(offset) });
    expect(rest.status).toBe(202);
    expect((await send(second.host, "PUT", withQuery(place, { digest: blob.digest }))).status).toBe(201);
    expect((await send(second.host, "GET", `/v2/app/blobs/${blob.digest}`)).body.equals(blob.bytes)).toBe(true);
  });

  it("lists every tag that the specification allows", async () => {
    const { registry } = await start(await folder());
    const image = imageManifest(await push(registry, "app", "{}"), []);
    const tags = ["v1.new", "_", "a-b.c_D", "x".repeat(128)];
    for (const tag of tags) await registry.putManifest("app", tag, image);
    expect([...(await registry.tags("app"))].sort()).toEqual([...tags].sort());
  });
});

describeLab("what it does not serve", () => {
  const outside = "/v2/app/../../../../";

  it.each([
    ["GET", "/v2/..%2f..%2fsecret/manifests/v1"],
    ["GET", "/v2/%2e%2e/%2e%2e/secret/blobs/x"],
    ["GET", "/v2/../secret"],
    ["GET", `${outside}secret`],
    ["GET", "/v2/app/manifests/..%2f..%2f..%2f..%2fsecret"],
    ["GET", "/v2/app/manifests/..%5c..%5csecret"],
    ["GET", "/v2/app/manifests/sha256:..%2f..%2f..%2fsecret"],
    ["GET", "/v2/app/blobs/..%2f..%2f..%2fsecret"],
    ["GET", "/v2/app/blobs/uploads/..%2f..%2f..%2f..%2fsecret"],
    ["DELETE", "/v2/app/manifests/..%2f..%2f..%2f..%2fsecret"],
    ["DELETE", "/v2/app/manifests/%00"],
    ["DELETE", "/v2/app/manifests/..%5c..%5csecret"],
    ["DELETE", "/v2/app/blobs/uploads/..%2f..%2fsecret"],
    ["PUT", "/v2/app/manifests/..%2f..%2f..%2f..%2fsecret"],
    ["PUT", "/v2/app/manifests/-starts-with-a-dash"],
    ["PUT", `/v2/app/manifests/${"x".repeat(129)}`],
    ["POST", "/v2/..%2f..%2fevil/blobs/uploads/"],
    ["POST", "/v2/UPPER/blobs/uploads/"],
    ["POST", "/v2/app/_uploads/blobs/uploads/"],
    ["POST", `/v2/${"x".repeat(256)}/blobs/uploads/`],
    ["GET", "/v2/%E0%A4%A/manifests/v1"],
    ["GET", "//"],
    ["GET", "//evil.example:99999/v2/"],
    ["OPTIONS", "*"],
  ])("refuses %s %s", async (method, target) => {
    const above = await folder();
    await writeFile(join(above, "secret"), "untouched");
    const directory = join(above, "registry");
    await mkdir(directory);
    const { host, registry } = await start(directory);
    await push(registry, "app", "{}");
    const before = await everyFile(above);
    const headers = { "Content-Type": MediaType.ociManifest };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest });
    const answer = await send(host, method, target, method === "PUT" ? { headers, body } : {});
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body.toString()).not.toContain("untouched");
    expect(await everyFile(above)).toEqual(before);
    expect(await readFile(join(above, "secret"), "utf8")).toBe("untouched");
    // And it still runs.
    expect((await send(host, "GET", "/v2/")).status).toBe(200);
  });

  it.each(["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"])(
    "refuses to be called %j: a browser may have been made to",
    async (name) => {
      const { host } = await start(await folder());
      const answer = await send(host, "GET", "/v2/", { headers: { Host: name } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    },
  );

  it("listens on loopback alone", async () => {
    const { port } = await start(await folder());
    const reachable = await new Promise<boolean>((resolve) => {
      // Any address of 127/8 would reach a server that listens everywhere.
      const socket = connect({ host: "127.0.0.2", port });
      socket.on("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });
    expect(reachable).toBe(false);
  });

  it("says in words that engines pass on that its folder takes nothing", async () => {
    const directory = join(await folder(), "registry");
    await writeFile(directory, "no folder");
    const { host } = await start(directory);
    const answer = await send(host, "POST", "/v2/app/blobs/uploads/");
    expect([answer.status, answer.json()]).toEqual([
      403,
      {
        errors: [{ code: "DENIED", message: `the embedded registry's folder ${directory} does not take it (ENOTDIR)` }],
      },
    ]);
  });

  it("refuses a manifest over 4 MiB", async () => {
    const { host } = await start(await folder());
    const headers = { "Content-Type": MediaType.ociManifest };
    const body = Buffer.alloc(4 * 1024 * 1024 + 1, " ");
    expect((await send(host, "PUT", "/v2/app/manifests/big", { headers, body })).status).toBe(413);
  });
});

describeLab("ports", () => {
  it("takes another port where the preferred one is taken, by itself or by somebody else", async () => {
    const directory = await folder();
    const first = await start(directory, await freePort());
    const second = await start(directory, first.port);
    expect(second.port).not.toBe(first.port);
    const blob = await push(first.registry, "app", "shared");
    expect(await second.registry.hasBlob("app", blob.digest)).toBe(true);

    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    toStop.push(() => stranger.close());
    const { port } = stranger.address() as { port: number };
    expect((await start(directory, port)).port).not.toBe(port);
  });

  it("gives its port back", async () => {
    const directory = await folder();
    const first = await startEmbeddedRegistry({ directory, port: 0 });
    await first.close();
    expect((await start(directory, first.port)).port).toBe(first.port);
  });
});

describeLab("garbage", () => {
  const hour = 60 * 60 * 1000;

  async function stored() {
    const directory = await folder();
    const { registry, host } = await start(directory);
    const config = await push(registry, "team/shop", '{"os":"linux"}');
    const layer = await push(registry, "team/shop", randomBytes(5000));
    const image = imageManifest(config, [layer]);
    await registry.putManifest("team/shop", image.descriptor.digest, image);
    const index = manifest({ manifests: [image.descriptor] }, MediaType.ociIndex);
    await registry.putManifest("team/shop", "latest", index);
    const orphan = await push(registry, "team", randomBytes(3000));
    const young = await push(registry, "team", randomBytes(100));
    const place = targetIn(await send(host, "POST", "/v2/team/blobs/uploads/"));
    const left = join(directory, "repositories", "team", "_uploads", place.split("/").at(-1) ?? "");
    const store = new Store(directory);
    const needed = [config.digest, layer.digest, image.descriptor.digest, index.descriptor.digest];
    const old = new Date(Date.now() - 2 * hour);
    for (const digest of [...needed, orphan.digest]) await utimes(store.blobPath(digest), old, old);
    await utimes(left, old, old);
    return { directory, store, registry, host, needed, orphan, young, left, index, image, layer };
  }

  it("goes when it is old, and leaves what is needed or young", async () => {
    const { directory, store, registry, needed, orphan, young, left } = await stored();
    expect(await collectGarbage(directory)).toEqual({ removed: 1, bytes: 3000 });
    for (const digest of needed) expect(await store.blobSize(digest)).toBeDefined();
    expect(await store.blobSize(young.digest)).toBe(100);
    expect(await store.blobSize(orphan.digest)).toBeUndefined();
    expect(existsSync(left)).toBe(false);
    expect(await registry.hasBlob("team", orphan.digest)).toBe(false);
    expect(await collectGarbage(directory)).toEqual({ removed: 0, bytes: 0 });
  });

  it("is not what an image in an index needs, whichever of the two is looked into first", async () => {
    const directory = await folder();
    const { registry } = await start(directory);
    const store = new Store(directory);
    const layers: Content[] = [];
    // Manifests are looked into in the order of their digests: of twelve, some come before their index and some after.
    for (let at = 0; at < 12; at += 1) {
      const layer = await push(registry, "app", randomBytes(100));
      const image = imageManifest(layer, [layer]);
      await registry.putManifest("app", image.descriptor.digest, image);
      const index = manifest({ manifests: [image.descriptor] }, MediaType.ociIndex);
      await registry.putManifest("app", index.descriptor.digest, index);
      layers.push(layer);
    }
    const old = new Date(Date.now() - 2 * hour);
    for (const layer of layers) await utimes(store.blobPath(layer.digest), old, old);
    expect(await collectGarbage(directory)).toEqual({ removed: 0, bytes: 0 });
    for (const layer of layers) expect(await store.blobSize(layer.digest)).toBe(100);
  });

  it("is nothing at all where it cannot be known what is needed", async () => {
    const { directory, store, needed } = await stored();
    const repositories = join(directory, "repositories");
    await rename(repositories, join(directory, "elsewhere"));
    await symlink("repositories", repositories);
    await expect(collectGarbage(directory)).rejects.toMatchObject({ code: "ELOOP" });
    for (const digest of needed) expect(await store.blobSize(digest)).toBeDefined();
  });

  it("includes what a deleted manifest alone needed", async () => {
    const { directory, store, registry, needed, index, image } = await stored();
    await registry.deleteManifest("team/shop", index.descriptor.digest);
    await registry.deleteManifest("team/shop", image.descriptor.digest);
    expect((await collectGarbage(directory)).removed).toBe(5);
    for (const digest of needed) expect(await store.blobSize(digest)).toBeUndefined();
  });

  it("does not take a blob that a push has just found there", async () => {
    const { directory, host, registry, store, orphan, layer, image, index } = await stored();
    expect(await registry.hasBlob("team", orphan.digest)).toBe(true);
    // A mount counts as well: the other repository's manifest may go in between.
    await registry.deleteManifest("team/shop", index.descriptor.digest);
    await registry.deleteManifest("team/shop", image.descriptor.digest);
    const query = { mount: layer.digest, from: "team/shop" };
    expect((await send(host, "POST", withQuery("/v2/team/blobs/uploads/", query))).status).toBe(201);
    await collectGarbage(directory);
    expect(await store.blobSize(orphan.digest)).toBe(3000);
    expect(await store.blobSize(layer.digest)).toBe(5000);
  });

  it("cannot be pointed at by a manifest afterwards", async () => {
    const { directory, host, orphan } = await stored();
    await collectGarbage(directory);
    const image = imageManifest(orphan, []);
    const headers = { "Content-Type": MediaType.ociManifest };
    const body = Buffer.from(image.bytes);
    expect((await send(host, "PUT", "/v2/team/manifests/v1", { headers, body })).status).toBe(404);
  });

  it("is collected by several at once", async () => {
    const { directory, registry } = await stored();
    const old = new Date(Date.now() - 2 * hour);
    const store = new Store(directory);
    for (let at = 0; at < 50; at += 1) {
      const blob = await push(registry, "team", randomBytes(32));
      await utimes(store.blobPath(blob.digest), old, old);
    }
    const all = await Promise.all(Array.from({ length: 4 }, () => collectGarbage(directory)));
    expect(all.reduce((sum, one) => sum + one.removed, 0)).toBeGreaterThanOrEqual(51);
  });
});

describeLab("another client", () => {
  it("copies in and out with skopeo and keeps the digest", async () => {
    const directory = await folder();
    const { registry, host } = await start(directory);
    const layer = await push(registry, "app", await tarOf(directory));
    const config = await push(
      registry,
      "app",
      JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [layer.digest] } }),
    );
    const image = imageManifest(config, [layer]);
    await registry.putManifest("app", "v1", image);
    const layout = `oci:${join(directory, "layout")}:v1`;
    const insecure = ["--insecure-policy", "copy", "--preserve-digests"];
    await execa("skopeo", [...insecure, "--src-tls-verify=false", `docker://${host}/app:v1`, layout]);
    const index = JSON.parse(await readFile(join(directory, "layout", "index.json"), "utf8"));
    expect(index.manifests[0].digest).toBe(image.descriptor.digest);
    await execa("skopeo", [...insecure, "--dest-tls-verify=false", layout, `docker://${host}/team/copy:v2`]);
    expect(await registry.head("team/copy", "v2")).toEqual(image.descriptor);
    expect(await registry.hasBlob("team/copy", layer.digest as Digest)).toBe(true);
  });
});

async function tarOf(directory: string): Promise<Buffer> {
  const file = join(directory, "hello");
  await writeFile(file, "hello");
  const { stdout } = await execa("tar", ["-C", dirname(file), "-c", "hello"], { encoding: "buffer" });
  return Buffer.from(stdout);
}

async function everyFile(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true });
  return entries.sort();
}
