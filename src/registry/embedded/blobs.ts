import { createHash } from "node:crypto";
import { type Digest, digestOf } from "../../base/digest.ts";
import { Refusal } from "./refusal.ts";
import type { Store } from "./store.ts";

/** Bytes of a blob that this repository has. Throws `Refusal` 404 where it has not. */
export async function ownedSize(store: Store, repository: string, digest: Digest): Promise<number> {
  const size = (await store.hasLink(repository, "blob", digest)) ? await store.blobSize(digest) : undefined;
  if (size === undefined) throw unknownBlob();
  return size;
}

export function unknownBlob(): Refusal {
  return new Refusal(404, "BLOB_UNKNOWN", "there is no such blob in this repository");
}

/**
 * distribution-spec §Mounting a blob from another repository; false where there is none. Without `from`, any repository's blob
 * will do: everybody who can speak to this registry may read all of it.
 */
export async function mountBlob(
  store: Store,
  repository: string,
  digest: Digest,
  from: string | null,
): Promise<boolean> {
  const readable = from === null || from === "" || (isRepository(from) && (await store.hasLink(from, "blob", digest)));
  if (!readable || !(await store.keepBlob(digest))) return false;
  await store.putLink(repository, "blob", digest);
  return true;
}

/** Keeps a blob that is held whole. Throws `Refusal` 400 where it is another than was said. */
export async function keepWhole(store: Store, repository: string, digest: Digest, content: Buffer): Promise<void> {
  requireDigest(digestOf(content), digest);
  // A name without content, as a power cut may leave it, is that of no blob.
  await Promise.all([store.putBlob(digest, content), store.putLink(repository, "blob", digest)]);
}

/** Keeps what an upload brought. Throws `Refusal` 400, and forgets it, where that is another blob than was said. */
export async function keepUploaded(store: Store, repository: string, id: string, digest: Digest): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of store.readUpload(repository, id)) hash.update(chunk as Buffer);
  try {
    requireDigest(`sha256:${hash.digest("hex")}`, digest);
  } catch (error) {
    await store.cancelUpload(repository, id);
    throw error;
  }
  await store.keepUpload(repository, id, digest);
  await store.putLink(repository, "blob", digest);
}

function requireDigest(found: string, digest: Digest): void {
  if (found !== digest) throw new Refusal(400, "DIGEST_INVALID", `the content has the digest ${found}`);
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);

/** The grammar of names (distribution-spec §Pulling manifests): it leaves no way out of the folder. */
export function isRepository(name: string): boolean {
  return name.length <= 255 && repositoryPattern.test(name);
}
