import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Digest, digestOf } from "../../src/base/digest.ts";
import { collectGarbage } from "../../src/registry/embedded/garbage.ts";
import { LocalRegistry } from "../../src/registry/embedded/local-registry.ts";
import { type EmbeddedRegistry, startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { Store } from "../../src/registry/embedded/store.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { content, descriptor, imageManifest, layerType } from "./content.ts";
import { temporaryFolder } from "./registries.ts";

let directory: string;
let server: EmbeddedRegistry;
let own: Registry;
let others: Registry;
beforeEach(async () => {
  directory = await temporaryFolder();
  server = await startEmbeddedRegistry({ directory, port: 0 });
  own = new LocalRegistry(directory);
  others = openRegistry(server.host, { credentials: async () => undefined, variables: {} });
});
afterEach(async () => {
  others.close();
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function push(registry: Registry, path: string, bytes: Buffer | string) {
  const blob = content(bytes);
  await registry.uploadBlob(path, descriptor(blob, layerType), async () => Readable.from([blob.bytes]));
  return blob;
}

it("shows others what it stores, byte for byte, and is shown what they store", async () => {
  for (const [writer, reader] of [
    [own, others],
    [others, own],
  ] as const) {
    const blob = await push(writer, "shop", Buffer.alloc(3_000_000, writer === own ? "a" : "b"));
    const image = imageManifest(await push(writer, "shop", "{}"), [blob]);
    await writer.putManifest("shop", "v1", image);
    expect(await reader.head("shop", "v1")).toEqual(image.descriptor);
    expect(Buffer.from(await reader.readBlob("shop", blob.digest)).equals(blob.bytes)).toBe(true);
    expect(await reader.tags("shop")).toEqual(["v1"]);
  }
});

it.each(["../secrets", "shop/../..", "Shop", "", "shop//x", "/shop"])(
  "leaves its folder for no name: %j",
  async (path) => {
    const refusal = { name: "EnvctlError", code: "registry-refused", exitCode: 5 };
    await expect(push(own, path, "x")).rejects.toMatchObject(refusal);
    await expect(own.manifest(path, "v1")).rejects.toMatchObject(refusal);
    await expect(own.tags(path)).rejects.toMatchObject(refusal);
  },
);

it("tells where a tag points whose content was damaged, and leads it away from there; that content it does not give out", async () => {
  const image = imageManifest(await push(own, "shop", "{}"), []);
  const { digest } = image.descriptor;
  await own.putManifest("shop", "test", image);
  const hex = digest.slice("sha256:".length);
  await writeFile(join(directory, "blobs/sha256", hex.slice(0, 2), hex), "");
  expect((await own.head("shop", "test"))?.digest).toBe(digest);
  for (const reference of ["test", digest])
    await expect(own.manifest("shop", reference)).rejects.toMatchObject({ code: "digest-mismatch" });
  await expect(own.head("shop", digest)).rejects.toMatchObject({ code: "digest-mismatch" });
  const next = imageManifest(await push(own, "shop", "{ }"), []);
  await own.putManifest("shop", "test", next);
  expect(await own.head("shop", "test")).toEqual(next.descriptor);
});

it("takes what is no tag for none", async () => {
  const image = imageManifest(await push(own, "shop", "{}"), []);
  await expect(own.putManifest("shop", "../v1", image)).rejects.toMatchObject({ code: "registry-refused" });
  expect(await own.manifest("shop", "../v1")).toBeUndefined();
});

it("refuses a manifest whose blobs are not there", async () => {
  const image = imageManifest(content("{}"), []);
  await expect(own.putManifest("shop", "v1", image)).rejects.toMatchObject({
    code: "registry-refused",
    message: expect.stringContaining("MANIFEST_BLOB_UNKNOWN"),
  });
});

it("says so where its disk holds something else than a digest says", async () => {
  const store = new Store(directory);
  const blob = await push(own, "shop", "{}");
  const image = imageManifest(blob, []);
  await own.putManifest("shop", "v1", image);
  await writeFile(store.blobPath(blob.digest), "[]");
  await writeFile(store.blobPath(image.descriptor.digest), '{"schemaVersion":2}');
  const mismatch = { code: "digest-mismatch", exitCode: 6 };
  await expect(own.readBlob("shop", blob.digest)).rejects.toMatchObject(mismatch);
  await expect(own.manifest("shop", "v1")).rejects.toMatchObject(mismatch);
  const stream = await own.blob("shop", blob.digest);
  await expect(stream.toArray()).rejects.toMatchObject(mismatch);
});

it("does not have a blob that only its name is left of", async () => {
  const blob = await push(own, "shop", "{}");
  await rm(new Store(directory).blobPath(blob.digest));
  expect(await own.hasBlob("shop", blob.digest)).toBe(false);
  for (const registry of [own, others])
    await expect(registry.readBlob("shop", blob.digest)).rejects.toMatchObject({
      code: "registry-refused",
      message: expect.stringContaining("BLOB_UNKNOWN"),
    });
});

it("keeps nothing that is longer or shorter than was said, and nothing of what breaks off", async () => {
  const blob = content("four");
  for (const size of [3, 5]) {
    const open = async () => Readable.from([blob.bytes]);
    await expect(own.uploadBlob("shop", { ...descriptor(blob, layerType), size }, open)).rejects.toMatchObject({
      code: "digest-mismatch",
    });
  }
  const broken = async () =>
    Readable.from(
      (async function* () {
        yield Buffer.alloc(2_000_000);
        throw new Error("the source went away");
      })(),
    );
  const large = { mediaType: layerType, digest: digestOf(Buffer.alloc(4_000_000)), size: 4_000_000 };
  await expect(own.uploadBlob("shop", large, broken)).rejects.toThrow("the source went away");
  expect(await own.hasBlob("shop", blob.digest)).toBe(false);
  expect(await own.hasBlob("shop", large.digest)).toBe(false);
});

it("tells of a disk that refuses as any registry's failure is told", async () => {
  const file = join(directory, "no-folder");
  await writeFile(file, "");
  const registry = new LocalRegistry(file);
  await expect(push(registry, "shop", "x")).rejects.toMatchObject({
    name: "EnvctlError",
    code: "registry-refused",
    exitCode: 5,
    where: `${file}/shop`,
  });
});

it("does nothing for who has given up", async () => {
  const given = AbortSignal.abort(new Error("interrupted"));
  await expect(own.tags("shop", given)).rejects.toThrow("interrupted");
});

it("keeps what a manifest needs that something else has as a layer", async () => {
  const layers: Digest[] = [];
  // Manifests are looked into in the order of their digests: of twelve, some come before what has them as a layer.
  for (let at = 0; at < 12; at += 1) {
    const layer = await push(own, "shop", Buffer.alloc(100, at));
    const image = imageManifest(layer, [layer]);
    await own.putManifest("shop", image.descriptor.digest, image);
    const copy = await push(own, "shop", Buffer.from(image.bytes));
    const archive = imageManifest(copy, [copy]);
    await own.putManifest("shop", archive.descriptor.digest, archive);
    layers.push(layer.digest);
  }
  expect(await collectGarbage(directory, Date.now() + 2 * 60 * 60 * 1000)).toEqual({ removed: 0, bytes: 0 });
  for (const digest of layers) expect(await own.hasBlob("shop", digest)).toBe(true);
});
