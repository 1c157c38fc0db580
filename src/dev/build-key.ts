import { createHash } from "node:crypto";
import type { Tree } from "../build/tree.ts";
import type { SyncRules } from "./sync-rules.ts";

/**
 * A hash of all that no sync can bring: the files whose change makes a rebuild, and `inputs` (Dockerfile, ignore file,
 * settings). Two states of the sources with one key need no build between them; who changes a file and changes it back
 * is where they were.
 */
export function buildKey(tree: Tree, rules: SyncRules, inputs: readonly string[], syncs = true): string {
  const hash = createHash("sha256").update(JSON.stringify(inputs));
  for (const path of [...tree.keys()].sort()) {
    const entry = tree.get(path);
    if (entry === undefined) continue;
    const { action } = rules.judge(path, entry.kind);
    if (action === "rebuild" || (action === "sync" && !syncs)) {
      const content = entry.kind === "file" ? [entry.mode, entry.hash] : Object.values(entry);
      hash.update(JSON.stringify([path, entry.kind, ...content]));
    }
  }
  return hash.digest("hex");
}
