import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { Progress } from "../../src/base/progress.ts";
import { copyImage } from "../../src/registry/copy.ts";
import { describeImage } from "../../src/registry/image.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry, StoredManifest } from "../../src/registry/registry.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Content, content, descriptor, imageManifest, layerType, manifest } from "./content.ts";
import { type RegistryKind, type RunningRegistry, registryKinds, startRegistry } from "./registries.ts";

const absent = digestOf("nobody ever pushed this");
const nobody = { credentials: async () => undefined, variables: {} };

/** `wanted` is without a connection, where that is possible. */
function open({ host, own }: RunningRegistry, wanted: boolean): Registry {
  return (wanted ? own : undefined) ?? openRegistry(host, nobody);
}

async function push(registry: Registry, path: string, bytes: Buffer | string): Promise<Content> {
  const blob = content(bytes);
  await registry.uploadBlob(path, descriptor(blob, layerType), async (offset) =>
    Readable.from([blob.bytes.subarray(offset)]),
  );
  return blob;
}

async function read(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function pushImage(registry: Registry, path: string, architecture: string): Promise<StoredManifest> {
  const config = await push(
    registry,
    path,
    JSON.stringify({
      os: "linux",
      architecture,
      created: "2026-01-02T03:04:05Z",
      config: { Labels: { "org.example.name": "shop", odd: 7 } },
    }),
  );
  const layers = [await push(registry, path, `layer ${architecture}`), await push(registry, path, "shared layer")];
  const image = imageManifest(config, layers);
  await registry.putManifest(path, image.descriptor.digest, image);
  return image;
}

/** As BuildKit pushes it: two platforms, and an attestation that runs nowhere. */
async function pushIndex(registry: Registry, path: string) {
  const amd64 = await pushImage(registry, path, "amd64");
  const arm64 = await pushImage(registry, path, "arm64");
  const statement = await push(registry, path, '{"predicateType":"https://slsa.dev/provenance/v0.2"}');
  const attestation = imageManifest(await push(registry, path, "{}"), [statement]);
  await registry.putManifest(path, attestation.descriptor.digest, attestation);
  const index = manifest(
    {
      manifests: [
        { ...amd64.descriptor, platform: { os: "linux", architecture: "amd64" } },
        { ...arm64.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
        { ...attestation.descriptor, platform: { os: "unknown", architecture: "unknown" } },
      ],
    },
    MediaType.ociIndex,
  );
  await registry.putManifest(path, "all", index);
  return { index, amd64, arm64, attestation };
}

const ways = [
  ...registryKinds.map((kind) => ({ kind, own: false, title: kind })),
  { kind: "embedded", own: true, title: "embedded in this process" },
] as const;

for (const { kind, own, title } of ways)
  describeLab(`the client with ${title}`, () => {
    let running: RunningRegistry;
    let registry: Registry;
    beforeAll(async () => {
      running = await startRegistry(kind);
      registry = open(running, own);
    });
    afterAll(async () => {
      // First what would outlive a failure.
      await running.stop();
      registry.close();
    });

    it("checks that a registry answers, whether or not the repository exists", async () => {
      await registry.check("never/pushed");
    });

    it("puts, gets and deletes manifests", async () => {
      const image = await pushImage(registry, "manifests", "amd64");
      const { digest } = image.descriptor;
      await registry.putManifest("manifests", "v1", image);
      for (const reference of ["v1", digest]) {
        expect(await registry.head("manifests", reference)).toEqual(image.descriptor);
        const stored = await registry.manifest("manifests", reference);
        expect(stored?.descriptor).toEqual(image.descriptor);
        expect(Buffer.from(stored?.bytes ?? []).equals(Buffer.from(image.bytes))).toBe(true);
      }
      await registry.deleteManifest("manifests", digest);
      expect(await registry.head("manifests", digest)).toBeUndefined();
      expect(await registry.manifest("manifests", digest)).toBeUndefined();
      // Safe to repeat.
      await registry.deleteManifest("manifests", digest);
    });

    it("knows nothing of what was never pushed", async () => {
      expect(await registry.head("never/pushed", "v1")).toBeUndefined();
      expect(await registry.manifest("never/pushed", absent)).toBeUndefined();
      expect(await registry.hasBlob("never/pushed", absent)).toBe(false);
      expect(await registry.tags("never/pushed")).toEqual([]);
      expect(await registry.referrers("never/pushed", absent)).toEqual([]);
      await expect(registry.readBlob("never/pushed", absent)).rejects.toMatchObject({ code: "registry-refused" });
    });

    it.each([0, 1, 1000])("moves a blob of %i bytes", async (size) => {
      const blob = await push(registry, `blobs/of-${size}`, randomBytes(size));
      expect(await registry.hasBlob(`blobs/of-${size}`, blob.digest)).toBe(true);
      expect((await registry.readBlob(`blobs/of-${size}`, blob.digest)).length).toBe(size);
      expect((await read(await registry.blob(`blobs/of-${size}`, blob.digest))).equals(blob.bytes)).toBe(true);
    });

    it("streams a blob of 20 MB in and out", async () => {
      const blob = content(randomBytes(20 * 1024 * 1024));
      const offsets: number[] = [];
      await registry.uploadBlob("blobs/big", descriptor(blob, layerType), async (offset) => {
        offsets.push(offset);
        return Readable.from(pieces(blob.bytes.subarray(offset)));
      });
      expect(offsets).toEqual([0]);
      expect((await read(await registry.blob("blobs/big", blob.digest))).equals(blob.bytes)).toBe(true);
    });

    it("does not store content that is not what its digest says", async () => {
      const lie = { mediaType: layerType, digest: absent, size: 5 };
      await expect(registry.uploadBlob("blobs/lie", lie, async () => Readable.from([Buffer.from("other")])))
        .rejects //
        .toMatchObject({ code: "registry-refused", exitCode: 5 });
      expect(await registry.hasBlob("blobs/lie", absent)).toBe(false);
    });

    it("mounts blobs of other repositories", async () => {
      const blob = await push(registry, "mount/from", randomBytes(100));
      expect(await registry.mountBlob("mount/to", blob.digest, "mount/from")).toBe(true);
      expect(await registry.hasBlob("mount/to", blob.digest)).toBe(true);
      expect(await registry.mountBlob("mount/to", absent, "mount/from")).toBe(false);
    });

    it("lists tags over pages", async () => {
      const image = await pushImage(registry, "tags", "amd64");
      const tags = Array.from({ length: 120 }, (_, at) => `v${String(at).padStart(3, "0")}`);
      for (const tag of tags) await registry.putManifest("tags", tag, image);
      expect([...(await registry.tags("tags"))].sort()).toEqual(tags);
    });

    it("finds referrers, also where a registry does not keep them", async () => {
      const image = await pushImage(registry, "referrers", "amd64");
      const record = await push(registry, "referrers", '{"verified":true}');
      const refer = (note: string) =>
        imageManifest(record, [record], {
          artifactType: "application/vnd.test.record",
          subject: image.descriptor,
          annotations: { note },
        });
      expect(await registry.referrers("referrers", image.descriptor.digest)).toEqual([]);
      const referrers = [refer("one"), refer("two")];
      for (const referrer of [...referrers, ...referrers])
        await registry.putManifest("referrers", referrer.descriptor.digest, referrer);
      const found = await registry.referrers("referrers", image.descriptor.digest);
      expect(found).toHaveLength(2);
      for (const [at, note] of ["one", "two"].entries()) {
        expect(found).toContainEqual({
          ...referrers[at]?.descriptor,
          artifactType: "application/vnd.test.record",
          annotations: { note },
        });
      }
      const fallback = (await registry.tags("referrers")).includes(image.descriptor.digest.replace(":", "-"));
      expect(fallback).toBe(kind === "docker-registry");
    });

    it("describes an image", async () => {
      const image = await pushImage(registry, "describe", "amd64");
      const { config } = JSON.parse(Buffer.from(image.bytes).toString("utf8"));
      expect(await describeImage(registry, "describe", image.descriptor.digest)).toEqual({
        digest: image.descriptor.digest,
        mediaType: MediaType.ociManifest,
        configs: { "linux/amd64": config.digest },
        manifests: { "linux/amd64": image.descriptor.digest },
        labels: { "org.example.name": "shop" },
        createdAt: "2026-01-02T03:04:05Z",
        size: "layer amd64".length + "shared layer".length,
        platforms: [
          {
            platform: "linux/amd64",
            manifest: image.descriptor.digest,
            user: "",
            size: "layer amd64".length + "shared layer".length,
          },
        ],
      });
      expect(await describeImage(registry, "describe", "no-such-tag")).toBeUndefined();
    });

    it("describes an index and passes over its attestations", async () => {
      const { index, amd64, arm64 } = await pushIndex(registry, "describe/index");
      const description = await describeImage(registry, "describe/index", "all");
      expect(description).toMatchObject({
        digest: index.descriptor.digest,
        mediaType: MediaType.ociIndex,
        labels: { "org.example.name": "shop" },
      });
      expect(description?.manifests).toEqual({
        "linux/amd64": amd64.descriptor.digest,
        "linux/arm64": arm64.descriptor.digest,
      });
      expect(Object.keys(description?.configs ?? {})).toEqual(["linux/amd64", "linux/arm64"]);
    });

    it("calls a configuration that is no JSON an invalid manifest", async () => {
      const image = imageManifest(await push(registry, "describe/garbage", "{garbage"), []);
      await registry.putManifest("describe/garbage", "v1", image);
      await expect(describeImage(registry, "describe/garbage", "v1")).rejects.toMatchObject({
        name: "EnvctlError",
        code: "manifest-invalid",
      });
    });

    it("copies within a repository by tagging alone", async () => {
      const { index } = await pushIndex(registry, "copy/same");
      const place = { registry, path: "copy/same" };
      await copyImage({ source: place, target: place, digest: index.descriptor.digest, tags: ["test", "verified"] });
      for (const tag of ["test", "verified"]) expect(await registry.head("copy/same", tag)).toEqual(index.descriptor);
    });

    it("copies to another repository with everything an index has, and again without harm", async () => {
      const { index, amd64, arm64, attestation } = await pushIndex(registry, "copy/from");
      for (let time = 0; time < 2; time += 1) {
        await copyImage({
          source: { registry, path: "copy/from" },
          target: { registry, path: "copy/to" },
          digest: index.descriptor.digest,
          tags: ["prod"],
        });
      }
      expect(await registry.head("copy/to", "prod")).toEqual(index.descriptor);
      for (const child of [amd64, arm64, attestation])
        expect(await registry.head("copy/to", child.descriptor.digest)).toEqual(child.descriptor);
      expect(await describeImage(registry, "copy/to", "prod")).toEqual(
        await describeImage(registry, "copy/from", index.descriptor.digest),
      );
    });

    it("says which image is missing", async () => {
      const place = { registry, path: "copy/from" };
      await expect(copyImage({ source: place, target: place, digest: absent })).rejects.toMatchObject({
        code: "image-missing",
        exitCode: 1,
      });
    });
  });

describeLab("the client between two registries", () => {
  it.each([
    ["embedded", "docker-registry", false],
    ["docker-registry", "embedded", false],
    ["embedded", "docker-registry", true],
    ["docker-registry", "embedded", true],
  ] as const)("copies from %s to %s and keeps the digest, in this process: %s", async (from, to, own) => {
    const running: RunningRegistry[] = [];
    const opened: Registry[] = [];
    const start = async (kind: RegistryKind) => {
      const server = await startRegistry(kind);
      running.push(server);
      const registry = open(server, own);
      opened.push(registry);
      return registry;
    };
    try {
      const source = await start(from);
      const target = await start(to);
      const { index } = await pushIndex(source, "team/shop");
      const big = await push(source, "team/shop", randomBytes(12 * 1024 * 1024));
      const image = imageManifest(await push(source, "team/shop", "{}"), [big]);
      await source.putManifest("team/shop", image.descriptor.digest, image);
      const said: string[] = [];
      const progress = new Progress((event) => {
        if (event.type === "step-updated") said.push(event.text);
      }, 1);
      for (const { descriptor: wanted } of [index, image]) {
        await copyImage({
          source: { registry: source, path: "team/shop" },
          target: { registry: target, path: "prod/shop" },
          digest: wanted.digest,
          tags: ["released"],
          progress,
        });
        expect(await target.head("prod/shop", "released")).toEqual(wanted);
      }
      expect((await read(await target.blob("prod/shop", big.digest))).equals(big.bytes)).toBe(true);
      // The layer that two platforms share was sent once.
      const shared = digestOf("shared layer").slice(7, 19);
      expect(said.filter((line) => line.includes(shared))).toHaveLength(1);
    } finally {
      for (const registry of opened) registry.close();
      for (const server of running) await server.stop();
    }
  });
});

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}
