import type { Digest } from "../base/digest.ts";

/** One built image. `digest` is its identity; `name` is for people. */
export interface Release {
  /** `3f2c1ab`, `3f2c1ab-dirty-9d0e`, or `9d0e44aa` without git. */
  readonly name: string;
  /** Manifest (or index) digest as the registry stored it. */
  readonly digest: Digest;
  /** Config digest by platform, `linux/amd64`: what classic engines report as a container's image. */
  readonly configs: Readonly<Record<string, Digest>>;
  /** Manifest digest by platform; for a single manifest, the digest itself. */
  readonly manifests: Readonly<Record<string, Digest>>;
  /** Hash of everything that goes into the build. */
  readonly fingerprint: string;
  readonly commit: string | undefined;
  readonly dirty: boolean;
  /** RFC 3339. */
  readonly builtAt: string;
  /** Bytes of all layers of one platform, compressed. */
  readonly size: number;
}

/**
 * Labels the build writes into the image, so that a release explains itself wherever it is found. Containers inherit an image's labels,
 * so these keep clear of the labels that mark what envctl runs.
 */
export const ImageLabel = {
  environment: "envctl.image.environment",
  release: "envctl.image.release",
  fingerprint: "envctl.image.fingerprint",
  dirty: "envctl.image.dirty",
  /** OCI image-spec, annotations.md: pre-defined keys. */
  revision: "org.opencontainers.image.revision",
  created: "org.opencontainers.image.created",
  source: "org.opencontainers.image.source",
} as const;
