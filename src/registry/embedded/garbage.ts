import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "../../base/digest.ts";
import { isObject } from "../../base/json.ts";
import { isMissing, isUnfinished, linkKinds, Store } from "./store.ts";

/** What is younger may belong to a push that is under way. Milliseconds. */
const graceTime = 60 * 60 * 1000;

export interface Collected {
  readonly removed: number;
  readonly bytes: number;
}

/** Removes blobs that no manifest of any repository needs, and uploads that were left behind. */
export async function collectGarbage(directory: string, now: number = Date.now()): Promise<Collected> {
  const store = new Store(directory);
  const marks: Marks = { needed: new Set(), seen: new Set() };
  for (const repository of await repositories(join(directory, "repositories"), "")) {
    for (const hex of await store.links(repository, "manifest")) await mark(store, `sha256:${hex}`, marks);
    await removeOld(join(directory, "repositories", repository, "_uploads"), now, () => true);
    for (const kind of linkKinds) await removeOld(store.linkFolder(repository, kind), now, isUnfinished);
  }
  let removed = 0;
  let bytes = 0;
  for (const folder of await list(join(directory, "blobs", "sha256"))) {
    const collected = await removeOld(
      join(directory, "blobs", "sha256", folder),
      now,
      (name) => !marks.needed.has(`sha256:${name}`),
    );
    removed += collected.removed;
    bytes += collected.bytes;
  }
  return { removed, bytes };
}

interface Marks {
  readonly needed: Set<Digest>;
  /** Manifests that were looked into. To be needed is not to have been: one may be a layer of something else as well. */
  readonly seen: Set<Digest>;
}

async function mark(store: Store, digest: Digest, marks: Marks): Promise<void> {
  if (marks.seen.has(digest)) return;
  marks.seen.add(digest);
  marks.needed.add(digest);
  // Only what is truly gone needs nothing: what merely cannot be read now may need everything.
  const content = await store.blobContent(digest).catch(ignoreMissing);
  const manifest = content && parse(content);
  if (!isObject(manifest)) return;
  for (const digest of digestsIn([manifest.config, manifest.layers])) marks.needed.add(digest);
  // Each child with all that it needs.
  for (const child of digestsIn([manifest.manifests])) await mark(store, child, marks);
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch {
    // A file that the disk garbled points at nothing that could be found.
    return undefined;
  }
}

function digestsIn(descriptors: readonly unknown[]): Digest[] {
  return descriptors
    .flat()
    .map((entry) => (isObject(entry) ? entry.digest : undefined))
    .filter((digest) => typeof digest === "string")
    .filter(isDigest);
}

async function removeOld(folder: string, now: number, unneeded: (name: string) => boolean): Promise<Collected> {
  let removed = 0;
  let bytes = 0;
  for (const name of await list(folder)) {
    if (!unneeded(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(ignoreMissing);
    // Another one collects at the same time.
    if (found === undefined || now - found.mtimeMs < graceTime) continue;
    await rm(path, { force: true });
    removed += 1;
    bytes += found.size;
  }
  return { removed, bytes };
}

/** Repositories may lie in each other: `team` and `team/shop`. */
async function repositories(root: string, prefix: string): Promise<string[]> {
  const names = await list(join(root, prefix));
  const own = names.some((name) => name.startsWith("_")) ? [prefix] : [];
  const inner = await Promise.all(
    names
      .filter((name) => !name.startsWith("_"))
      .map((name) => repositories(root, prefix === "" ? name : `${prefix}/${name}`)),
  );
  return [...own, ...inner.flat()];
}

async function list(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(ignoreMissing)) ?? [];
}

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
