import type { Digest } from "../base/digest.ts";
import { ImageLabel, type Release } from "./release.ts";

/** An image as a registry or engine describes it. */
export interface ImageDescription {
  readonly labels: Readonly<Record<string, string>>;
  readonly digest: Digest;
  readonly configs: Readonly<Record<string, Digest>>;
  readonly manifests: Readonly<Record<string, Digest>>;
  /** `created` of the image's configuration, RFC 3339: when it was built. */
  readonly createdAt: string;
  readonly size: number;
}

/**
 * Reads a release back from an image that envctl built; undefined for any other image. Labels are foreign data: whoever can
 * push can write them, so they name and describe, and only digests identify.
 */
export function releaseFromLabels(image: ImageDescription): Release | undefined {
  const name = image.labels[ImageLabel.release];
  const fingerprint = image.labels[ImageLabel.fingerprint];
  if (name === undefined || !namePattern.test(name)) return undefined;
  if (fingerprint === undefined || !fingerprintPattern.test(fingerprint)) return undefined;
  const revision = image.labels[ImageLabel.revision];
  return {
    name,
    digest: image.digest,
    configs: image.configs,
    manifests: image.manifests,
    fingerprint,
    commit: revision !== undefined && commitPattern.test(revision) ? revision : undefined,
    dirty: image.labels[ImageLabel.dirty] === "true",
    builtAt: image.createdAt,
    size: image.size,
  };
}

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const fingerprintPattern = /^[0-9a-f]{64}$/;
/** SHA-1, or SHA-256 in repositories of that object format. */
const commitPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
