import { type Digest, digestOf } from "../../src/base/digest.ts";
import { MediaType } from "../../src/registry/media-types.ts";
import type { Descriptor, StoredManifest } from "../../src/registry/registry.ts";

/** Content that a test pushes, with its digest. */
export interface Content {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

export function content(bytes: Buffer | string): Content {
  const buffer = Buffer.from(bytes);
  return { bytes: buffer, digest: digestOf(buffer) };
}

export function descriptor(of: Content, mediaType: string): Descriptor {
  return { mediaType, digest: of.digest, size: of.bytes.length };
}

export function manifest(document: object, mediaType: string = MediaType.ociManifest): StoredManifest {
  const { bytes, digest } = content(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

export const configType = "application/vnd.oci.image.config.v1+json";
export const layerType = "application/vnd.oci.image.layer.v1.tar";

/** An image manifest over these blobs. */
export function imageManifest(config: Content, layers: readonly Content[], more: object = {}): StoredManifest {
  return manifest({
    config: descriptor(config, configType),
    layers: layers.map((layer) => descriptor(layer, layerType)),
    ...more,
  });
}
