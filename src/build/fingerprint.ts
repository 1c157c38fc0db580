import { createHash, type Hash } from "node:crypto";
import type { BuildContext } from "./context.ts";
import { hashFiles } from "./hash-files.ts";
import { StatCache } from "./stat-cache.ts";
import { localEntry, type Tree } from "./tree.ts";
import type { ContextEntry } from "./walk.ts";

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
  /** The very files it was made of. */
  readonly tree: Tree;
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
  const { contents } = await hashFiles(context.root, context.entries, cache, { signal: options.signal });
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
  const tree = new Map(context.entries.map((entry) => [entry.path, localEntry(entry, contents)]));
  return { hash: hash.digest("hex"), files: contents.size, size, tree };
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
