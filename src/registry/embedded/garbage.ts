import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isDigest } from "../../base/digest.ts";
import { isObject } from "../json.ts";
import { Store } from "./store.ts";

/** What is younger may belong to a push that is under way. Milliseconds. */
const graceTime = 60 * 60 * 1000;

export interface Collected {
  readonly removed: number;
  readonly bytes: number;
}

/** Removes blobs that no manifest of any repository needs, and uploads that were left behind. */
export async function collectGarbage(directory: string, now: number = Date.now()): Promise<Collected> {
  const store = new Store(directory);
  const needed = new Set<string>();
  for (const repository of await repositories(join(directory, "repositories"), "")) {
    for (const hex of await store.links(repository, "manifest")) await mark(store, `sha256:${hex}`, needed);
    await removeOld(join(directory, "repositories", repository, "_uploads"), now, () => true);
  }
  let removed = 0;
  let bytes = 0;
  for (const folder of await list(join(directory, "blobs", "sha256"))) {
    const collected = await removeOld(
      join(directory, "blobs", "sha256", folder),
      now,
      (name) => !needed.has(`sha256:${name}`),
    );
    removed += collected.removed;
    bytes += collected.bytes;
  }
  return { removed, bytes };
}

async function mark(store: Store, digest: Digest, needed: Set<string>): Promise<void> {
  if (needed.has(digest)) return;
  needed.add(digest);
  let manifest: unknown;
  try {
    manifest = JSON.parse((await store.blobContent(digest)).toString("utf8"));
  } catch {
    return;
  }
  if (!isObject(manifest)) return;
  const lists = [manifest.layers, manifest.manifests].filter(Array.isArray);
  for (const entry of [manifest.config, ...lists.flat()]) {
    if (isObject(entry) && typeof entry.digest === "string" && isDigest(entry.digest)) needed.add(entry.digest);
  }
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
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
