import type { Layer, Owner, SyncTarget } from "./verdict.ts";

/** Where an image has a file of the context, and the line that put it there. */
export interface Placement extends SyncTarget {
  readonly line: number;
}

/** `chown user` keeps the group, `chown :group` the user. */
export function applyOwner(placement: Placement, change: Partial<Owner>): Placement {
  const before = placement.owner ?? { user: "0", group: "0" };
  return { ...placement, owner: { user: change.user ?? before.user, group: change.group ?? before.group } };
}

/** Negative where the first is below the second, zero where they are one. */
export function compareLayers(first: Layer, second: Layer): number {
  const at = first.findIndex((number, index) => number !== second[index]);
  return at < 0 ? first.length - second.length : (first[at] ?? 0) - (second[at] ?? -1);
}
