import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.ts";

/** OCI image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
}

/** A manifest byte for byte as the registry holds it; its digest is proven against the bytes. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/**
 * One registry, spoken to over kept-alive connections (OCI distribution-spec 1.1). `path` is a repository's path,
 * `reference` a tag or a digest. Throws `EnvctlError`: `registry-unreachable` (exit 5), `registry-unauthorized`,
 * `registry-refused`, and `digest-mismatch` (exit 6) wherever content is not what its digest says.
 */
export interface Registry {
  /** `registry.example.com:5000`, `docker.io`, `127.0.0.1:40123`; of the embedded one its folder. */
  readonly host: string;
  /** Checks that a registry answers and accepts our credentials for reading `path`. */
  check(path: string, signal?: AbortSignal): Promise<void>;
  /** The descriptor of a manifest, or undefined where there is none. One HEAD request. */
  head(path: string, reference: string, signal?: AbortSignal): Promise<Descriptor | undefined>;
  manifest(path: string, reference: string, signal?: AbortSignal): Promise<StoredManifest | undefined>;
  /** Stores the bytes unchanged under a tag or their digest, and compares the digest the registry answers. */
  putManifest(path: string, reference: string, manifest: StoredManifest, signal?: AbortSignal): Promise<void>;
  deleteManifest(path: string, reference: string, signal?: AbortSignal): Promise<void>;
  hasBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<boolean>;
  /** The content as a stream that fails at its end if the digest does not match. */
  blob(path: string, digest: Digest, signal?: AbortSignal): Promise<Readable>;
  /** Small blobs whole, proven against the digest. */
  readBlob(path: string, digest: Digest, signal?: AbortSignal): Promise<Uint8Array>;
  /** Cross-repository mount; false where the registry asks for an upload instead. */
  mountBlob(path: string, digest: Digest, from: string, signal?: AbortSignal): Promise<boolean>;
  /** Uploads in chunks, resuming where the registry says it stopped. `open` gives the content from an offset. */
  uploadBlob(
    path: string,
    descriptor: Descriptor,
    open: (offset: number) => Promise<Readable>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Tags in the repository; empty where it does not exist. Follows pagination. */
  tags(path: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Manifests whose `subject` is this digest: the referrers API, or the tag fallback where there is none. */
  referrers(path: string, digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]>;
  close(): void;
}
