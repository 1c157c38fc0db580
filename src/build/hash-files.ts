import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { EnvctlError } from "../base/errors.ts";
import { type StatCache, sameStamp } from "./stat-cache.ts";
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

/**
 * Bytes up to which a file is read at once and synchronously: that takes a fifth of the time of asynchronous calls, which
 * for thousands of small files is what a person waits for.
 */
export const smallFile = 128 << 10;
/** Small files between breaths, for signals and spinners. */
const breath = 64;

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
  const large: string[] = [];
  const failure = new AbortController();
  const take = async (path: string, work: (full: string) => Hashed | Promise<Hashed>) => {
    options.signal?.throwIfAborted();
    const full = join(root, path);
    try {
      const readAt = Date.now();
      const { hash, stamp } = await work(full);
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
  };
  let read = 0;
  for (const entry of entries) {
    if (entry.kind !== "file") continue;
    const known = cache.find(entry.path, entry.stamp);
    if (known !== undefined) contents.set(entry.path, known);
    else if (entry.stamp.size > smallFile) large.push(entry.path);
    else {
      await take(entry.path, hashSmallFile);
      read += 1;
      if (read % breath === 0) await setImmediate();
    }
  }
  const rest = large.values();
  const worker = async () => {
    for (const path of rest) {
      if (failure.signal.aborted) return;
      await take(path, hashFile);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, large.length) }, worker));
  return { contents, unsettled };
}

interface Hashed {
  readonly hash: string;
  /** Missing where the file changed while it was read: then its hash holds for this moment only. */
  readonly stamp: FileStamp | undefined;
}

function hashSmallFile(path: string): Hashed {
  const { content, stamp } = readSmallFile(path);
  return { hash: createHash("sha256").update(content).digest("hex"), stamp };
}

/** A file read in one go; `stamp` is missing where it changed meanwhile. Follows no link. Throws what `fs` throws. */
export function readSmallFile(path: string): { readonly content: Buffer; readonly stamp: FileStamp | undefined } {
  const file = openSync(path, readOnly);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw Object.assign(new Error(`it is no file: ${path}`), { code: "EISDIR" });
    const content = readFileSync(file);
    const [before, after] = [stampOf(stats), stampOf(fstatSync(file))];
    return { content, stamp: sameStamp(before, after) ? after : undefined };
  } finally {
    closeSync(file);
  }
}

/** What was a file a moment ago may now be a link or a pipe: never follow the one nor wait at the other. */
export const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

async function hashFile(path: string): Promise<Hashed> {
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
    return { hash: hash.digest("hex"), stamp: sameStamp(before, after) ? after : undefined };
  } finally {
    await file?.close();
  }
}
