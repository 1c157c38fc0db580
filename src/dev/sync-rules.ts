import type { Verdict } from "./verdict.ts";

export interface SyncRules {
  /** `path` is relative to the build context, with slashes. */
  judge(path: string): Verdict;
}
