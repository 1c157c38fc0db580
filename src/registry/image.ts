import type { Digest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import { platformName, readContent, readDocument } from "./manifest-content.ts";
import type { Descriptor, Registry, StoredManifest } from "./registry.ts";

/** What a registry tells of an image without sending its layers. */
export interface ImageDescription {
  /** Of the manifest, or of the index over several platforms. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** By platform, `linux/amd64`. */
  readonly configs: Readonly<Record<string, Digest>>;
  readonly manifests: Readonly<Record<string, Digest>>;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Bytes of one platform's layers, compressed. */
  readonly size: number;
  readonly platforms: readonly PlatformDescription[];
}

interface PlatformDescription {
  /** `linux/amd64` */
  readonly platform: string;
  readonly manifest: Digest;
  /** Whom it runs as; empty is root. */
  readonly user: string;
  /** Bytes of its layers, compressed. */
  readonly size: number;
}

/** Reads an image's manifests and configurations; undefined where there is no such image. */
export async function describeImage(
  registry: Registry,
  path: string,
  reference: string,
  signal?: AbortSignal,
): Promise<ImageDescription | undefined> {
  const top = await registry.manifest(path, reference, signal);
  if (!top) return undefined;
  const images = await imagesIn({ registry, path, signal, seen: new Set() }, top, undefined);
  const platforms = await Promise.all(images.map((image) => readPlatform(registry, path, image, signal)));
  const [first] = platforms;
  return {
    digest: top.descriptor.digest,
    mediaType: top.descriptor.mediaType,
    configs: Object.fromEntries(platforms.map((one) => [one.platform, one.config])),
    manifests: Object.fromEntries(platforms.map((one) => [one.platform, one.manifest])),
    labels: first?.labels ?? {},
    createdAt: first?.createdAt ?? "",
    size: first?.size ?? 0,
    platforms: platforms.map(({ platform, manifest, user, size }) => ({ platform, manifest, user, size })),
  };
}

interface FoundImage {
  readonly manifest: StoredManifest;
  readonly platform: Descriptor["platform"];
}

interface Search {
  readonly registry: Registry;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  /** Each manifest is looked at once, however often an index names it. */
  readonly seen: Set<Digest>;
}

/** The image manifests under a manifest; attestations are passed over. */
async function imagesIn(
  search: Search,
  manifest: StoredManifest,
  platform: Descriptor["platform"],
): Promise<FoundImage[]> {
  const { registry, path, signal, seen } = search;
  const content = readContent(manifest, `${registry.host}/${path}`);
  if (content.kind === "image") return [{ manifest, platform }];
  const children = content.children.filter(
    (child) =>
      (child.platform === undefined || platformName(child.platform) !== undefined) &&
      !seen.has(child.digest) &&
      seen.add(child.digest),
  );
  const found = await Promise.all(
    children.map(async (child) => {
      const stored = await registry.manifest(path, child.digest, signal);
      return stored ? await imagesIn(search, stored, child.platform) : [];
    }),
  );
  return found.flat();
}

async function readPlatform(registry: Registry, path: string, image: FoundImage, signal?: AbortSignal) {
  const content = readContent(image.manifest, `${registry.host}/${path}`);
  if (content.kind !== "image") throw new RangeError("an index has no configuration");
  const config = await registry.readBlob(path, content.config.digest, signal);
  const document = readDocument(config, `${registry.host}/${path}@${content.config.digest}`);
  const inner = isObject(document.config) ? document.config : {};
  const labels = isObject(inner.Labels) ? inner.Labels : {};
  return {
    platform: platformName(document) ?? platformName(image.platform) ?? "unknown",
    config: content.config.digest,
    manifest: image.manifest.descriptor.digest,
    labels: Object.fromEntries(
      Object.entries(labels).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
    ),
    user: typeof inner.User === "string" ? inner.User : "",
    createdAt: typeof document.created === "string" ? document.created : "",
    size: content.layers.reduce((sum, layer) => sum + layer.size, 0),
  };
}
