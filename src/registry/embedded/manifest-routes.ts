import { type Digest, digestOf, isDigest } from "../../base/digest.ts";
import { isTag } from "../../base/reference.ts";
import { isObject } from "../json.ts";
import { MediaType } from "../media-types.ts";
import { answer, type Exchange, Refusal, readWhole } from "./exchange.ts";
import { isMissing, type Store } from "./store.ts";

const largestManifest = 4 * 1024 * 1024;

export async function getManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  const digest = await resolve(store, repository, reference);
  const mediaType = await store.readLink(repository, "manifest", digest);
  const content = mediaType === undefined ? undefined : await contentOf(store, digest);
  if (content === undefined || mediaType === undefined) throw unknown();
  const headers = { "Content-Type": mediaType, "Docker-Content-Digest": digest };
  if (exchange.request.method === "HEAD")
    return answer(exchange, 200, { ...headers, "Content-Length": content.length });
  answer(exchange, 200, headers, content);
}

export async function putManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  const content = await readWhole(exchange, largestManifest);
  const digest = digestOf(content);
  if (reference.includes(":") && reference !== digest)
    throw new Refusal(400, "DIGEST_INVALID", `the content has the digest ${digest}`);
  if (!isDigest(reference) && !isTag(reference)) throw new Refusal(400, "MANIFEST_INVALID", "this is no valid tag");
  const manifest = parse(content);
  if (manifest.schemaVersion !== 2) throw new Refusal(400, "MANIFEST_INVALID", "its schemaVersion is not 2");
  const mediaType =
    exchange.request.headers["content-type"]?.split(";")[0]?.trim() ??
    (typeof manifest.mediaType === "string" ? manifest.mediaType : MediaType.ociManifest);
  if (typeof manifest.mediaType === "string" && manifest.mediaType !== mediaType) {
    throw new Refusal(400, "MANIFEST_INVALID", "its media type is not the one in the header");
  }
  await refuseGaps(store, repository, manifest);
  await store.putBlob(digest, content);
  await store.putLink(repository, "manifest", digest, mediaType);
  if (!isDigest(reference)) await store.putLink(repository, "tag", reference, digest);
  const subject =
    isObject(manifest.subject) && typeof manifest.subject.digest === "string"
      ? { "OCI-Subject": manifest.subject.digest }
      : {};
  answer(exchange, 201, {
    Location: `/v2/${repository}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...subject,
  });
}

export async function deleteManifest(
  store: Store,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<void> {
  if (!isDigest(reference)) {
    // What is no tag must never become part of a path.
    if (!isTag(reference) || !(await store.removeLink(repository, "tag", reference))) throw unknown();
    return answer(exchange, 202);
  }
  if (!(await store.removeLink(repository, "manifest", reference))) throw unknown();
  for (const tag of await store.links(repository, "tag")) {
    if ((await store.readLink(repository, "tag", tag)) === reference) await store.removeLink(repository, "tag", tag);
  }
  answer(exchange, 202);
}

/** distribution-spec §Listing tags: in lexical order, `n` of them after `last`. */
export async function listTags(store: Store, exchange: Exchange, repository: string): Promise<void> {
  if (!(await store.repositoryExists(repository)))
    throw new Refusal(404, "NAME_UNKNOWN", "there is no such repository");
  const last = exchange.query.get("last");
  const all = (await store.links(repository, "tag")).filter((tag) => last === null || tag > last);
  const asked = exchange.query.get("n");
  const count = asked === null ? all.length : Number(asked);
  if (!Number.isInteger(count) || count < 0)
    throw new Refusal(400, "PAGINATION_NUMBER_INVALID", "`n` is a whole number");
  const tags = all.slice(0, count);
  const more = tags.length > 0 && tags.length < all.length;
  const link = more ? { Link: `</v2/${repository}/tags/list?n=${count}&last=${tags.at(-1)}>; rel="next"` } : {};
  answer(exchange, 200, { "Content-Type": "application/json", ...link }, JSON.stringify({ name: repository, tags }));
}

/** distribution-spec §Listing referrers. */
export async function listReferrers(
  store: Store,
  exchange: Exchange,
  repository: string,
  subject: Digest,
): Promise<void> {
  const wanted = exchange.query.get("artifactType");
  const manifests: object[] = [];
  for (const hex of await store.links(repository, "manifest")) {
    const digest: Digest = `sha256:${hex}`;
    const content = await contentOf(store, digest);
    if (!content?.includes(subject)) continue;
    const manifest = parse(content);
    if (!isObject(manifest.subject) || manifest.subject.digest !== subject) continue;
    const config = isObject(manifest.config) ? manifest.config.mediaType : undefined;
    const artifactType = manifest.artifactType ?? config;
    if (wanted !== null && artifactType !== wanted) continue;
    manifests.push({
      mediaType: await store.readLink(repository, "manifest", digest),
      digest,
      size: content.length,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(isObject(manifest.annotations) ? { annotations: manifest.annotations } : {}),
    });
  }
  const filtered = wanted === null ? {} : { "OCI-Filters-Applied": "artifactType" };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  answer(exchange, 200, { "Content-Type": MediaType.ociIndex, ...filtered }, index);
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
