import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { EnvctlError } from "../base/errors.ts";
import type { StatCache } from "./stat-cache.ts";
import { type ContextEntry, type FileStamp, stampOf, unreadable } from "./walk.ts";

export interface HashedFiles {
  /** SHA-256 in hex, by path. */
  readonly contents: ReadonlyMap<string, string>;
  /** Files that changed while they were read: their hashes hold for that moment only. */
  readonly unsettled: readonly string[];
}

interface HashOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for a file that could not be read, which then has no hash; without it the error is thrown. */
  readonly onUnreadable?: (path: string, error: EnvctlError) => void;
}

/** Enough to keep a disk busy, few enough for any limit on open files. */
const concurrency = 16;

/** Hashes the files among these entries, reading only those whose stamps are not in the cache. Throws `context-unreadable`. */
export async function hashFiles(
  root: string,
  entries: readonly ContextEntry[],
  cache: StatCache,
  options: HashOptions = {},
): Promise<HashedFiles> {
  const contents = new Map<string, string>();
  const unsettled: string[] = [];
  const unknown: string[] = [];
  for (const entry of entries) {
    if (entry.kind !== "file") continue;
    const known = cache.find(entry.path, entry.stamp);
    if (known === undefined) unknown.push(entry.path);
    else contents.set(entry.path, known);
  }
  const rest = unknown.values();
  const failure = new AbortController();
  const worker = async () => {
    for (const path of rest) {
      options.signal?.throwIfAborted();
      if (failure.signal.aborted) return;
      const full = join(root, path);
      try {
        const readAt = Date.now();
        const { hash, stamp } = await hashFile(full);
        contents.set(path, hash);
        if (stamp === undefined) unsettled.push(path);
        else cache.remember(path, stamp, hash, readAt);
      } catch (error) {
        const refused = unreadable(full, error);
        if (!options.onUnreadable) {
          failure.abort();
          throw refused;
        }
        options.onUnreadable(path, refused);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, unknown.length) }, worker));
  return { contents, unsettled };
}

/** What was a file a moment ago may now be a link or a pipe: never follow the one nor wait at the other. */
export const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** The stamp is missing where the file changed while it was read: then its hash holds for this moment only. */
async function hashFile(path: string): Promise<{ hash: string; stamp: FileStamp | undefined }> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, readOnly);
    const before = stampOf(await file.stat());
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(before.size + 1, 4096), 1 << 20));
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      // One read told all there is: saves a call for each small file.
      if (bytesRead < buffer.length && bytesRead >= before.size) break;
    }
    const after = stampOf(await file.stat());
    const calm = after.size === before.size && after.modified === before.modified && after.changed === before.changed;
    return { hash: hash.digest("hex"), stamp: calm ? after : undefined };
  } finally {
    await file?.close();
  }
}
