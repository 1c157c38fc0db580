import type { Desired, DesiredEntry } from "./desired-tree.ts";

/** What a container is believed to hold at a path: an entry, or something else of this kind. */
export type HeldEntry = DesiredEntry | { readonly kind: "unknown"; readonly was: DesiredEntry["kind"] };
export type Held = ReadonlyMap<string, HeldEntry>;

/** What is to be done, in this order; all paths are absolute in the container. */
export interface SyncPlan {
  /** Files and links to take away. */
  readonly remove: readonly string[];
  /** Folders that stand where a file or link is to be: with all that is in them. */
  readonly clear: readonly string[];
  /** Folders to take away if they are empty, the deepest first: what was made in the container stays. */
  readonly prune: readonly string[];
  /** Those above come first. */
  readonly directories: readonly string[];
  readonly symlinks: readonly string[];
  readonly files: readonly string[];
}

/** The shortest way from what a container holds to what it should hold. `skip` says which paths to leave as they are. */
export function planSync(
  held: Held,
  desired: Desired,
  skip: (path: string, wanted: DesiredEntry | undefined) => boolean,
): SyncPlan {
  const remove: string[] = [];
  const clear: string[] = [];
  const prune: string[] = [];
  const directories: string[] = [];
  const symlinks: string[] = [];
  const files: string[] = [];
  for (const [path, wanted] of desired) {
    const present = held.get(path);
    if (present === wanted || (present !== undefined && sameDesired(present, wanted)) || skip(path, wanted)) continue;
    const kind = kindOf(present);
    if (kind === "directory" && wanted.kind !== "directory") clear.push(path);
    else if (kind !== undefined && kind !== wanted.kind) remove.push(path);
    (wanted.kind === "directory" ? directories : wanted.kind === "symlink" ? symlinks : files).push(path);
  }
  for (const [path, present] of held) {
    if (desired.has(path) || skip(path, undefined)) continue;
    if (kindOf(present) === "directory") prune.push(path);
    else remove.push(path);
  }
  return {
    remove: remove.sort(),
    clear: clear.sort(),
    prune: prune.sort().reverse(),
    directories: directories.sort(),
    symlinks: symlinks.sort(),
    files: files.sort(),
  };
}

export function kindOf(present: HeldEntry | undefined): DesiredEntry["kind"] | undefined {
  return present?.kind === "unknown" ? present.was : present?.kind;
}

/** The same in a container, whichever file it came from. */
export function sameDesired(left: HeldEntry, right: HeldEntry): boolean {
  if (left === right) return true;
  if (left.kind === "unknown" || right.kind === "unknown") return false;
  if (left.owner?.user !== right.owner?.user || left.owner?.group !== right.owner?.group) return false;
  switch (left.kind) {
    case "file":
      return right.kind === "file" && left.mode === right.mode && left.hash === right.hash;
    case "directory":
      return right.kind === "directory" && left.mode === right.mode;
    case "symlink":
      return right.kind === "symlink" && left.target === right.target;
  }
}

/** What differs from the image: for the marker. */
export function differences(
  image: Desired,
  desired: Desired,
): { readonly changed: string[]; readonly removed: string[] } {
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [path, wanted] of desired) {
    const built = image.get(path);
    if (built !== wanted && (built === undefined || !sameDesired(built, wanted))) changed.push(path);
  }
  for (const path of image.keys()) if (!desired.has(path)) removed.push(path);
  return { changed: changed.sort(), removed: removed.sort() };
}
