import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import { parseJson } from "./json.ts";
import { getManifest, storeManifest } from "./manifests.ts";
import { MediaType } from "./media-types.ts";
import { pages } from "./pages.ts";
import type { Descriptor, StoredManifest } from "./registry.ts";
import type { Session } from "./session.ts";

/** distribution-spec §Listing referrers, with the tag schema where the registry has no such API. */
export async function listReferrers(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Descriptor[]> {
  const where = `${session.host}/${path}`;
  const target = `/v2/${path}/referrers/${digest}`;
  const found: Descriptor[] = [];
  for await (const { response, body } of pages(session, path, target, [404, 400, 405], signal)) {
    const isIndex =
      response.statusCode === 200 && (response.headers["content-type"] ?? "").includes(MediaType.ociIndex);
    // Something else answered: a registry of before 1.1, or a page for people.
    if (!isIndex) return await fallbackReferrers(session, path, digest, signal);
    found.push(...descriptorsIn(body, where));
  }
  return found;
}

async function fallbackReferrers(
  session: Session,
  path: string,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Descriptor[]> {
  const index = await getManifest(session, path, fallbackTag(digest), signal);
  return index ? descriptorsIn(index.bytes, `${session.host}/${path}`) : [];
}

/** distribution-spec §Pushing manifests with subject: what a client does where the registry does not. */
export async function recordReferrer(
  session: Session,
  path: string,
  manifest: StoredManifest,
  signal?: AbortSignal,
): Promise<void> {
  const where = `${session.host}/${path}`;
  const content = parseJson(manifest.bytes, where);
  if (!isObject(content) || !isObject(content.subject)) return;
  const { digest } = content.subject;
  if (typeof digest !== "string" || !isDigest(digest)) return;
  const tag = fallbackTag(digest);
  const present = await getManifest(session, path, tag, signal);
  const others = present ? descriptorsIn(present.bytes, `${session.host}/${path}`) : [];
  if (others.some((other) => other.digest === manifest.descriptor.digest)) return;
  const config = isObject(content.config) ? content.config.mediaType : undefined;
  const artifactType = content.artifactType ?? config;
  const own = {
    ...manifest.descriptor,
    ...(typeof artifactType === "string" ? { artifactType } : {}),
    ...(isObject(content.annotations) ? { annotations: content.annotations } : {}),
  };
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [...others, own] };
  const bytes = Buffer.from(JSON.stringify(index));
  await storeManifest(
    session,
    path,
    tag,
    { descriptor: { mediaType: MediaType.ociIndex, digest: digestOf(bytes), size: bytes.length }, bytes },
    signal,
  );
}

export function hasSubject(manifest: StoredManifest): boolean {
  return Buffer.from(manifest.bytes).includes('"subject"');
}

function fallbackTag(digest: Digest): string {
  return digest.replace(":", "-");
}

function descriptorsIn(bytes: Uint8Array, where: string): Descriptor[] {
  const index = parseJson(bytes, where);
  const list = isObject(index) && Array.isArray(index.manifests) ? index.manifests : [];
  return list.filter(
    (entry): entry is Descriptor => isObject(entry) && typeof entry.digest === "string" && isDigest(entry.digest),
  );
}
