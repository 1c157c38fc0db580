import { createHash } from "node:crypto";
import type { LocalEntry, Tree } from "../build/tree.ts";
import type { SyncRules } from "./sync-rules.ts";

interface Known {
  readonly entry: LocalEntry;
  /** What of it goes into the key; undefined where no build is needed for it. */
  readonly piece: string | undefined;
}

/**
 * Hashes of all that no sync can bring: the files whose change makes a rebuild, and `inputs` (Dockerfile, ignore file,
 * settings). Two states of the sources with one key need no build between them; who changes a file and changes it back
 * is where they were. What was found of each file is remembered, so that a save costs little in a large tree.
 */
export class BuildKeys {
  readonly #rules: SyncRules;
  readonly #syncs: boolean;
  readonly #known = new Map<string, Known>();

  /** `syncs` is false where nothing can be synced, so that every file of the image counts. */
  constructor(rules: SyncRules, syncs: boolean) {
    this.#rules = rules;
    this.#syncs = syncs;
  }

  of(tree: Tree, inputs: readonly string[]): string {
    const pieces: string[] = [];
    for (const [path, entry] of tree) {
      let known = this.#known.get(path);
      if (known?.entry !== entry) {
        known = { entry, piece: this.#piece(path, entry) };
        this.#known.set(path, known);
      }
      if (known.piece !== undefined) pieces.push(known.piece);
    }
    return createHash("sha256")
      .update(JSON.stringify([inputs, pieces.sort()]))
      .digest("hex");
  }

  #piece(path: string, entry: LocalEntry): string | undefined {
    const { action } = this.#rules.judge(path, entry.kind);
    if (action === "ignore" || (action === "sync" && this.#syncs)) return undefined;
    return JSON.stringify([path, entry.kind === "file" ? [entry.mode, entry.hash] : Object.values(entry)]);
  }
}
