import { diffTrees, type Tree } from "../build/tree.ts";
import type { SyncRule } from "../environment/model.ts";
import type { OpenFiles } from "./app-container.ts";
import type { SyncRules } from "./sync-rules.ts";

/**
 * What a container that was just made of an image holds for sure. The image was built a while after its files were looked
 * at: what changed since may be in it, or not. Where a rule names a place of its own, the image need not have anything.
 */
export function freshHolds(
  image: Tree,
  now: Tree,
  rules: SyncRules,
  explicit: readonly SyncRule[],
): OpenFiles["holds"] {
  if (explicit.some(({ target }) => target !== undefined)) return "unknown";
  const { changed, removed } = diffTrees(image, now);
  if (changed.length + removed.length === 0) return "image";
  return new Set(
    [...changed, ...removed].flatMap((path) => {
      const verdict = rules.judge(path, (now.get(path) ?? image.get(path))?.kind);
      return verdict.action === "sync" ? verdict.targets.map((target) => target.path) : [];
    }),
  );
}
