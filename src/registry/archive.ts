import { Readable } from "node:stream";
import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { platformName, readContent } from "./manifest-content.ts";
import { MediaType } from "./media-types.ts";
import type { Descriptor, Registry, StoredManifest } from "./registry.ts";

/**
 * One platform of an image as a tar that `docker load` reads: Docker's `manifest.json` for classic image stores, and an OCI
 * layout (image-spec, image-layout.md) for containerd's. Layers stay compressed as they are.
 */
export async function imageArchive(
  registry: Registry,
  path: string,
  digest: Digest,
  platform: string,
  signal?: AbortSignal,
): Promise<Readable> {
  const manifest = await platformManifest(registry, path, digest, platform, signal);
  const content = readContent(manifest, `${registry.host}/${path}`);
  if (content.kind !== "image") throw new RangeError("a platform's manifest is an image's");
  const blobs = [...new Map([content.config, ...content.layers].map((blob) => [blob.digest, blob])).values()];
  const layout = Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [manifest.descriptor] }),
  );
  const docker = Buffer.from(
    JSON.stringify([
      {
        Config: blobName(content.config.digest),
        RepoTags: null,
        Layers: content.layers.map((layer) => blobName(layer.digest)),
      },
    ]),
  );
  const files: [string, number, () => Promise<Readable> | Readable][] = [
    ["oci-layout", layout.length, () => Readable.from([layout])],
    ["index.json", index.length, () => Readable.from([index])],
    ["manifest.json", docker.length, () => Readable.from([docker])],
    [blobName(manifest.descriptor.digest), manifest.bytes.length, () => Readable.from([Buffer.from(manifest.bytes)])],
    ...blobs.map((blob: Descriptor): [string, number, () => Promise<Readable>] => [
      blobName(blob.digest),
      blob.size,
      () => registry.blob(path, blob.digest, signal),
    ]),
  ];
  return Readable.from(pack(files));
}

async function* pack(
  files: readonly [string, number, () => Promise<Readable> | Readable][],
): AsyncGenerator<Uint8Array> {
  for (const [name, size, open] of files) {
    yield header(name, size);
    let sent = 0;
    for await (const chunk of await open()) {
      sent += (chunk as Uint8Array).length;
      yield chunk as Uint8Array;
    }
    // What follows would be read from the wrong place.
    if (sent !== size) throw wrongLength(name, sent, size);
    const rest = size % 512;
    if (rest > 0) yield new Uint8Array(512 - rest);
  }
  yield new Uint8Array(1024);
}

/** One ustar header (POSIX.1-1988): the names here are short. Sizes from 8 GiB on are binary, as GNU tar writes them. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  block.write(name, 0, 100, "utf8");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size < 8 ** 11) octal(size, 124, 12);
  else {
    block.writeUInt8(0x80, 124);
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(0, 136, 12);
  block.write("        0", 148, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

async function platformManifest(
  registry: Registry,
  path: string,
  digest: Digest,
  platform: string,
  signal?: AbortSignal,
): Promise<StoredManifest> {
  const where = `${registry.host}/${path}`;
  const manifest = await registry.manifest(path, digest, signal);
  if (!manifest) throw missing(where, digest);
  const content = readContent(manifest, where);
  if (content.kind === "image") return manifest;
  const child = content.children.find((candidate) => platformName(candidate.platform) === platform);
  if (!child) throw missing(where, `${digest} for ${platform}`);
  return await platformManifest(registry, path, child.digest, platform, signal);
}

function wrongLength(name: string, sent: number, size: number): EnvctlError {
  return new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `${name} has ${sent} bytes and not ${size}, as its manifest says`,
    state: "the engine was not given a whole image",
    next: "push the image again",
  });
}

function missing(where: string, what: string): EnvctlError {
  return new EnvctlError({
    code: "image-missing",
    exitCode: ExitCode.failed,
    what: `the repository does not have ${what}`,
    where,
    state: "nothing was changed",
    next: "is the platform in image.platforms? Then build again: envctl build --force-build",
  });
}
