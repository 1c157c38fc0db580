import type { ProgressListener } from "../../base/progress.ts";

/** Something that shows progress on stderr; results go to stdout by other ways. */
export interface View {
  readonly listener: ProgressListener;
  /** Shows a line at once, wherever the steps are just then, and leaves it on the screen. */
  notice(line: string): void;
  /** Resolves once everything is on the screen. */
  finish(): Promise<void>;
}
