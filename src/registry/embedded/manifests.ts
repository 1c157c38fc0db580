import { type Digest, digestOf, isDigest } from "../../base/digest.ts";
import { isObject } from "../../base/json.ts";
import { isTag } from "../../base/reference.ts";
import { MediaType } from "../media-types.ts";
import type { Descriptor } from "../registry.ts";
import { Refusal } from "./refusal.ts";
import { isMissing, type Store } from "./store.ts";

export interface KeptManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Buffer;
}

/** The manifest that a tag or a digest names. Throws `Refusal` 404 where there is none. */
export async function findManifest(store: Store, repository: string, reference: string): Promise<KeptManifest> {
  const digest = await resolve(store, repository, reference);
  const mediaType = await store.readLink(repository, "manifest", digest);
  const content = mediaType === undefined ? undefined : await contentOf(store, digest);
  if (content === undefined || mediaType === undefined) throw unknown();
  return { digest, mediaType, content };
}

/** Keeps it under a tag or its digest, whose blobs are there already; `type` is what the sender calls it. Throws `Refusal`. */
export async function keepManifest(
  store: Store,
  repository: string,
  reference: string,
  { content, type }: { readonly content: Buffer; readonly type: string | undefined },
): Promise<{ readonly digest: Digest; readonly subject: string | undefined }> {
  const digest = digestOf(content);
  if (reference.includes(":") && reference !== digest)
    throw new Refusal(400, "DIGEST_INVALID", `the content has the digest ${digest}`);
  if (!isDigest(reference) && !isTag(reference)) throw new Refusal(400, "MANIFEST_INVALID", "this is no valid tag");
  const manifest = parse(content);
  if (manifest.schemaVersion !== 2) throw new Refusal(400, "MANIFEST_INVALID", "its schemaVersion is not 2");
  const own = typeof manifest.mediaType === "string" ? manifest.mediaType : undefined;
  const mediaType = type ?? own ?? MediaType.ociManifest;
  if (own !== undefined && own !== mediaType)
    throw new Refusal(400, "MANIFEST_INVALID", "its media type is not the one in the header");
  await refuseGaps(store, repository, manifest);
  // A tag only once all is there that it leads to: what it pointed at before is lost to it.
  await Promise.all([store.putBlob(digest, content), store.putLink(repository, "manifest", digest, mediaType)]);
  if (!isDigest(reference)) await store.putLink(repository, "tag", reference, digest);
  const { subject } = manifest;
  return { digest, subject: isObject(subject) && typeof subject.digest === "string" ? subject.digest : undefined };
}

/** A manifest goes with its tags. Throws `Refusal` 404 where there is none. */
export async function dropManifest(store: Store, repository: string, reference: string): Promise<void> {
  if (!isDigest(reference)) {
    // What is no tag must never become part of a path.
    if (!isTag(reference) || !(await store.removeLink(repository, "tag", reference))) throw unknown();
    return;
  }
  if (!(await store.removeLink(repository, "manifest", reference))) throw unknown();
  for (const tag of await store.links(repository, "tag")) {
    if ((await store.readLink(repository, "tag", tag)) === reference) await store.removeLink(repository, "tag", tag);
  }
}

/** In lexical order. Throws `Refusal` 404 where there is no such repository. */
export async function tagsOf(store: Store, repository: string): Promise<string[]> {
  if (!(await store.repositoryExists(repository)))
    throw new Refusal(404, "NAME_UNKNOWN", "there is no such repository");
  return await store.links(repository, "tag");
}

/** distribution-spec §Listing referrers. */
export async function referrersOf(store: Store, repository: string, subject: Digest): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for (const hex of await store.links(repository, "manifest")) {
    const digest: Digest = `sha256:${hex}`;
    const content = await contentOf(store, digest);
    if (!content?.includes(subject)) continue;
    const manifest = parse(content);
    if (!isObject(manifest.subject) || manifest.subject.digest !== subject) continue;
    const config = isObject(manifest.config) ? manifest.config.mediaType : undefined;
    const artifactType = manifest.artifactType ?? config;
    found.push({
      mediaType: (await store.readLink(repository, "manifest", digest)) ?? MediaType.ociManifest,
      digest,
      size: content.length,
      ...(typeof artifactType === "string" ? { artifactType } : {}),
      ...(isObject(manifest.annotations) ? { annotations: manifest.annotations } : {}),
    } as Descriptor);
  }
  return found;
}

async function resolve(store: Store, repository: string, reference: string): Promise<Digest> {
  const digest = isDigest(reference)
    ? reference
    : isTag(reference)
      ? await store.readLink(repository, "tag", reference)
      : undefined;
  if (digest === undefined || !isDigest(digest)) throw unknown();
  return digest;
}

async function contentOf(store: Store, digest: Digest): Promise<Buffer | undefined> {
  try {
    return await store.blobContent(digest);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function parse(content: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(content.toString("utf8"));
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new Refusal(400, "MANIFEST_INVALID", "a manifest is a JSON object");
}

/** A manifest that points at what is not there could never be pulled. Its subject may come later. */
async function refuseGaps(store: Store, repository: string, manifest: Record<string, unknown>): Promise<void> {
  const blobs = [manifest.config, ...(Array.isArray(manifest.layers) ? manifest.layers : [])];
  for (const blob of blobs) await refuseGap(store, repository, "blob", blob);
  if (Array.isArray(manifest.manifests)) {
    for (const child of manifest.manifests) await refuseGap(store, repository, "manifest", child);
  }
}

async function refuseGap(
  store: Store,
  repository: string,
  kind: "blob" | "manifest",
  descriptor: unknown,
): Promise<void> {
  if (!isObject(descriptor)) return;
  const { digest, urls } = descriptor;
  if (typeof digest !== "string" || !isDigest(digest))
    throw new Refusal(400, "MANIFEST_INVALID", "a descriptor in it has no digest");
  // Layers that may not be passed on stay where their `urls` say.
  if (Array.isArray(urls) && urls.length > 0) return;
  const present = (await store.hasLink(repository, kind, digest)) && (await store.keepBlob(digest));
  if (!present) throw new Refusal(404, "MANIFEST_BLOB_UNKNOWN", `the repository does not have ${digest}`);
}

function unknown(): Refusal {
  return new Refusal(404, "MANIFEST_UNKNOWN", "there is no such manifest in this repository");
}
