import type { ContextEntry } from "./walk.ts";

/** One thing of a build context with its content: what a builder would make of it, times and owners aside. */
export type LocalEntry =
  | {
      readonly kind: "file";
      /** Permission bits. */
      readonly mode: number;
      /** SHA-256 of the content, 64 hex digits. */
      readonly hash: string;
      /** Bytes. */
      readonly size: number;
    }
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "symlink"; readonly target: string };

/**
 * A build context at one moment, by path relative to it, with slashes, in no order. Never changed once it was handed
 * out; an entry that stays as it was is the same object in the next tree.
 */
export type Tree = ReadonlyMap<string, LocalEntry>;

/** `contents` are hashes by path, such as `hashFiles` makes. */
export function localEntry(entry: ContextEntry, contents: ReadonlyMap<string, string>): LocalEntry {
  switch (entry.kind) {
    case "directory":
      return { kind: entry.kind, mode: entry.mode };
    case "symlink":
      return { kind: entry.kind, target: entry.target };
    case "file": {
      const hash = contents.get(entry.path);
      if (hash === undefined) throw new RangeError(`${entry.path} was not hashed`);
      return { kind: entry.kind, mode: entry.mode, hash, size: entry.stamp.size };
    }
  }
}

export function sameEntry(left: LocalEntry | undefined, right: LocalEntry | undefined): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined) return false;
  switch (left.kind) {
    case "file":
      return right.kind === "file" && left.mode === right.mode && left.hash === right.hash;
    case "directory":
      return right.kind === "directory" && left.mode === right.mode;
    case "symlink":
      return right.kind === "symlink" && left.target === right.target;
  }
}

export interface TreeDifference {
  /** New, or other than it was. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** What became different on the way from one tree to the other, sorted by path. */
export function diffTrees(before: Tree, after: Tree): TreeDifference {
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [path, entry] of after) if (!sameEntry(before.get(path), entry)) changed.push(path);
  for (const path of before.keys()) if (!after.has(path)) removed.push(path);
  return { changed: changed.sort(), removed: removed.sort() };
}
