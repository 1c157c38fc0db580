import type { Clock } from "../base/clock.ts";
import type { Progress } from "../base/progress.ts";
import type { Paint } from "./view/paint.ts";

/** Options that every verb has. */
export interface GlobalOptions {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Milliseconds; undefined waits as long as it takes. */
  readonly timeout: number | undefined;
}

/** What the frame gives a verb. */
export interface Context {
  readonly options: GlobalOptions;
  /** Where the command was typed. */
  readonly directory: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, SIGTERM and `--timeout`. */
  readonly signal: AbortSignal;
  /** True where a person can be asked. */
  readonly interactive: boolean;
  /** True at once with `--yes`; false where nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Writes to stdout while the verb runs: for logs and other output without end. */
  readonly write: (text: string) => void;
  readonly paint: Paint;
  /** Columns of the terminal; Infinity where there is none. */
  readonly width: number;
}

/** What a verb gives back: the frame prints the one or the other. */
export interface Outcome {
  /** The stable document of `--json`. */
  readonly json: unknown;
  /** For people. Empty prints nothing. */
  readonly text: string;
  readonly exitCode?: number;
}
