import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, type ContextEntry, type FileStamp, stampOf, unreadable } from "./context.ts";
import { StatCache } from "./stat-cache.ts";

/** What else than files goes into a build. Names of secrets only: nothing is ever derived from their values. */
export interface BuildInputs {
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly platforms: readonly string[];
}

export interface Fingerprint {
  /** SHA-256, 64 hex digits. */
  readonly hash: string;
  readonly files: number;
  /** Bytes of all files together. */
  readonly size: number;
}

export interface FingerprintOptions {
  /** Where stamps are remembered; undefined reads every file. */
  readonly cacheDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Hashes everything that goes into a build: each path with its type, permissions and content or link target, the Dockerfile,
 * target, arguments, platforms and names of secrets. Times, owners and the order of files don't count, as they don't for the
 * builder. What lies outside (a base image's tag that moved, a URL that is fetched) can't be seen here: for those there is
 * `--no-cache`. Throws `context-unreadable`.
 */
export async function fingerprintBuild(
  context: BuildContext,
  inputs: BuildInputs,
  options: FingerprintOptions = {},
): Promise<Fingerprint> {
  const cache = await StatCache.open(options.cacheDirectory, context.root);
  const contents = await hashFiles(context, cache, options.signal);
  await cache.save(context.root);
  const hash = createHash("sha256").update("envctl-fingerprint-1\n");
  record(hash, "dockerfile", createHash("sha256").update(context.dockerfile.content).digest("hex"));
  record(hash, "target", inputs.target ?? null);
  for (const name of Object.keys(inputs.args).sort()) record(hash, "arg", name, inputs.args[name] ?? "");
  for (const name of [...inputs.secrets].sort()) record(hash, "secret", name);
  for (const platform of [...inputs.platforms].sort()) record(hash, "platform", platform);
  let size = 0;
  for (const entry of context.entries) {
    if (entry.kind === "file") size += entry.stamp.size;
    record(hash, ...describe(entry, contents));
  }
  return { hash: hash.digest("hex"), files: contents.size, size };
}

/** JSON keeps fields apart whatever is in them: `["a","bc"]` is not `["ab","c"]`. */
function record(hash: Hash, ...fields: readonly (string | number | null)[]): void {
  hash.update(`${JSON.stringify(fields)}\n`);
}

function describe(entry: ContextEntry, contents: ReadonlyMap<string, string>): readonly (string | number | null)[] {
  switch (entry.kind) {
    case "directory":
      return [entry.kind, entry.path, entry.mode];
    case "symlink":
      return [entry.kind, entry.path, entry.target];
    case "file":
      return [entry.kind, entry.path, entry.mode, contents.get(entry.path) ?? null];
  }
}

/** Enough to keep a disk busy, few enough for any limit on open files. */
const concurrency = 16;

async function hashFiles(
  context: BuildContext,
  cache: StatCache,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  const unknown: string[] = [];
  for (const entry of context.entries) {
    if (entry.kind !== "file") continue;
    const known = cache.find(entry.path, entry.stamp);
    if (known === undefined) unknown.push(entry.path);
    else contents.set(entry.path, known);
  }
  const rest = unknown.values();
  const failure = new AbortController();
  const worker = async () => {
    for (const path of rest) {
      signal?.throwIfAborted();
      if (failure.signal.aborted) return;
      try {
        const readAt = Date.now();
        const { hash, stamp } = await hashFile(join(context.root, path));
        contents.set(path, hash);
        if (stamp !== undefined) cache.remember(path, stamp, hash, readAt);
      } catch (error) {
        failure.abort();
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return contents;
}

/** What was a file a moment ago may now be a link or a pipe: never follow the one nor wait at the other. */
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

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
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file?.close();
  }
}
