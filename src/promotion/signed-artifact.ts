import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { Descriptor, StoredManifest } from "../registry/registry.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { type Signer, sealStatement } from "../signing/envelope.ts";

export const envelopeType = "application/vnd.dsse.envelope.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** A statement in its envelope, as the registry keeps it. */
export interface SignedArtifact {
  /** Of the manifest: the artifact's identity. */
  readonly digest: Digest;
  readonly manifest: Uint8Array;
  /** The envelope, proven against its digest. */
  readonly content: Buffer;
}

/**
 * Seals a statement about an image and stores it as an OCI artifact with that image as its subject, under each of the tags in
 * turn: by its tags no registry's garbage collection takes it away.
 */
export async function storeStatement(
  { registry, path }: OpenRepository,
  statement: object,
  options: {
    readonly about: Digest | undefined;
    readonly tags: readonly string[];
    readonly signer: Signer | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<SignedArtifact> {
  const { about, signal } = options;
  const content = await sealStatement(statement, options.signer);
  const descriptor = { mediaType: envelopeType, digest: digestOf(content), size: content.length };
  const [subject] = await Promise.all([
    about && registry.head(path, about, signal),
    registry.uploadBlob(path, descriptor, async (offset) => Readable.from([content.subarray(offset)]), signal),
  ]);
  const manifest = manifestOf(descriptor, content, subject);
  for (const tag of options.tags) await registry.putManifest(path, tag, manifest, signal);
  return { digest: manifest.descriptor.digest, manifest: manifest.bytes, content };
}

/** Undefined where there is none. Throws what `broken` makes of the reason where it is not what its digest says. */
export async function readArtifact(
  repository: OpenRepository,
  reference: string,
  broken: (what: string) => Error,
  signal?: AbortSignal,
): Promise<SignedArtifact | undefined> {
  const manifest = await repository.registry.manifest(repository.path, reference, signal);
  return manifest && (await openArtifact(repository, manifest.descriptor.digest, manifest.bytes, broken, signal));
}

/** The artifact whose manifest is at hand, proven against this digest. Throws the same. */
export async function openArtifact(
  { registry, path }: OpenRepository,
  digest: Digest,
  manifest: Uint8Array,
  broken: (what: string) => Error,
  signal?: AbortSignal,
): Promise<SignedArtifact> {
  const value = parseJson(textOf(manifest));
  const config = isObject(value) && isObject(value.config) ? value.config : {};
  if (typeof config.digest !== "string" || !isDigest(config.digest)) throw broken("a record has no content");
  const content =
    typeof config.data === "string"
      ? Buffer.from(config.data, "base64")
      : Buffer.from(await registry.readBlob(path, config.digest, signal));
  if (digestOf(content) !== config.digest) throw broken(`the record ${digest} is not what its digest says`);
  return { digest, manifest, content };
}

/** Without a copy of the bytes. */
export function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
}

/** The content rides along in `data` (OCI image-spec, descriptor.md), so that reading a record is one request. */
function manifestOf(descriptor: Descriptor, content: Buffer, subject: Descriptor | undefined): StoredManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: envelopeType,
      config: { ...descriptor, data: content.toString("base64") },
      layers: [descriptor],
      ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
    }),
  );
  return { descriptor: { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
