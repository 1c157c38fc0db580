import type { LocalEntry, Tree } from "../build/tree.ts";
import { applyMode } from "./mode.ts";
import { compareLayers } from "./placement.ts";
import type { SyncRules } from "./sync-rules.ts";
import type { Layer, SyncTarget } from "./verdict.ts";

/** What is to be at one path of the container. */
export type DesiredEntry = (
  | { readonly kind: "file"; readonly mode: number; readonly hash: string; readonly size: number }
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "symlink"; readonly target: string }
) & {
  readonly owner: SyncTarget["owner"];
  /** Where it comes from: path relative to the build context. */
  readonly source: string;
};

/** By absolute path in the container. Entries that stay as they were are the same objects as before. */
export type Desired = ReadonlyMap<string, DesiredEntry>;

interface Candidate {
  readonly path: string;
  readonly layer: Layer;
  readonly wanted: DesiredEntry;
}

/** Maps trees of the context to trees of the container; remembers, so that a save costs little in a large tree. */
export class DesiredView {
  readonly #rules: SyncRules;
  readonly #known = new Map<string, { readonly entry: LocalEntry; readonly targets: readonly Candidate[] }>();

  constructor(rules: SyncRules) {
    this.#rules = rules;
  }

  of(tree: Tree): Desired {
    const desired = new Map<string, DesiredEntry>();
    const layers = new Map<string, Layer>();
    for (const [path, entry] of tree) {
      let known = this.#known.get(path);
      if (known?.entry !== entry) {
        known = { entry, targets: this.#judge(path, entry) };
        this.#known.set(path, known);
      }
      for (const { path: target, layer, wanted } of known.targets) {
        // Two files of the context may have one place in the image: the COPY that comes later has the last word.
        if (compareLayers(layer, layers.get(target) ?? layer) < 0) continue;
        layers.set(target, layer);
        desired.set(target, wanted);
      }
    }
    return desired;
  }

  #judge(path: string, entry: LocalEntry): readonly Candidate[] {
    const verdict = this.#rules.judge(path, entry.kind);
    if (verdict.action !== "sync") return [];
    return verdict.targets.map((target) => ({
      path: target.path,
      layer: target.layer,
      wanted: desiredEntry(path, entry, target),
    }));
  }
}

function desiredEntry(source: string, entry: LocalEntry, { owner, mode }: SyncTarget): DesiredEntry {
  if (entry.kind === "symlink") return { ...entry, owner, source };
  return { ...entry, mode: applyMode(mode, entry.mode), owner, source };
}
