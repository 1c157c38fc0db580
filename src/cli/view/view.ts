import type { ProgressListener } from "../../base/progress.ts";

/** Something that shows progress on stderr; results go to stdout by other ways. */
export interface View {
  readonly listener: ProgressListener;
  /** Resolves once everything is on the screen. */
  finish(): Promise<void>;
}
