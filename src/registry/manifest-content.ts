import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isObject, textOf } from "../base/json.ts";
import { isIndex } from "./media-types.ts";
import type { Descriptor, StoredManifest } from "./registry.ts";

/** What a manifest points at: the children of an index, or the configuration and layers of an image. */
export type ManifestContent =
  | { readonly kind: "index"; readonly children: readonly Descriptor[] }
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

/** Reads a manifest: foreign data. Throws `manifest-invalid` (exit 5) for what is none. */
export function readContent(manifest: StoredManifest, where: string): ManifestContent {
  const value = readDocument(manifest.bytes, where);
  if (isIndex(manifest.descriptor.mediaType) || Array.isArray(value.manifests)) {
    return { kind: "index", children: descriptors(value.manifests, where) };
  }
  const [config] = descriptors([value.config], where);
  if (!config) throw invalid(where, "it has no configuration");
  return { kind: "image", config, layers: descriptors(value.layers ?? [], where) };
}

/** A JSON object that a registry holds: a manifest, a configuration. Throws `manifest-invalid` (exit 5) for what is none. */
export function readDocument(bytes: Uint8Array, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw invalid(where, "it is not JSON");
  }
  if (!isObject(value)) throw invalid(where, "it is not a JSON object");
  return value;
}

/** `linux/amd64`, `linux/arm/v7`; undefined for attestations, which run nowhere. */
export function platformName(
  platform: { readonly os?: unknown; readonly architecture?: unknown; readonly variant?: unknown } | undefined,
): string | undefined {
  if (!platform || typeof platform.os !== "string" || typeof platform.architecture !== "string") return undefined;
  if (platform.os === "unknown" || platform.os === "") return undefined;
  // arm64 has one variant in use, and engines leave it out.
  const variant =
    typeof platform.variant === "string" && platform.variant !== "" && platform.architecture !== "arm64"
      ? `/${platform.variant}`
      : "";
  return `${platform.os}/${platform.architecture}${variant}`;
}

function descriptors(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(where, "a list in it is missing");
  return value.map((entry): Descriptor => {
    if (!isObject(entry) || typeof entry.digest !== "string" || !isDigest(entry.digest))
      throw invalid(where, "an entry in it has no digest");
    const digest: Digest = entry.digest;
    const { size } = entry;
    // image-spec, descriptor.md: `size` is required, and everything that reads or sends the content counts on it.
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
      throw invalid(where, `the size of ${digest} in it is no number of bytes`);
    return { ...entry, digest, mediaType: textOf(entry.mediaType), size };
  });
}

function invalid(where: string, why: string): EnvctlError {
  return new EnvctlError({
    code: "manifest-invalid",
    exitCode: ExitCode.unreachable,
    what: `the registry's manifest cannot be read: ${why}`,
    where,
    next: "push the image again",
  });
}
