import type { Clock } from "../base/clock.ts";
import type { Remark } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { Situation } from "../rollout/situation.ts";
import type { Report } from "./ci/files.ts";
import type { Paint } from "./view/paint.ts";

/** Options that every verb has. */
interface GlobalOptions {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** Milliseconds; undefined waits as long as it takes. */
  readonly timeout: number | undefined;
  /** Of the verbs that run hooks. */
  readonly skipHooks: boolean;
  /** Milliseconds; of the verbs that take a lock. */
  readonly wait: number | undefined;
}

/** What the frame gives a verb. */
export interface Context {
  /** The verb's name. */
  readonly verb: string;
  readonly options: GlobalOptions;
  /** Where the command was typed. */
  readonly directory: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, SIGTERM and `--timeout`. */
  readonly signal: AbortSignal;
  /** What is said when a second Ctrl-C ends the command in the midst of its work. */
  readonly situation: Situation;
  /** True where a person can be asked. */
  readonly interactive: boolean;
  /** True at once with `--yes`; false where nobody can be asked. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** Writes to stdout while the verb runs: for logs and other output without end. */
  readonly write: (text: string) => void;
  readonly paint: Paint;
  /** What was typed after `--`, word for word. */
  readonly literal: readonly string[];
  /** The whole table: for verbs that speak of the others. */
  readonly verbs: readonly Verb[];
  /** Columns of the terminal; Infinity where there is none. */
  readonly width: number;
}

/** What a verb gives back: the frame prints the one or the other. */
export interface Outcome {
  /** The stable document of `--json`; undefined where the verb has written its documents itself. */
  readonly json: unknown;
  /** For people. Empty prints nothing. */
  readonly text: string;
  readonly exitCode?: number;
  /** For the steps of a pipeline that come after. */
  readonly report?: Report;
  /** Remarks on lines of files: a pipeline shows them there. */
  readonly remarks?: readonly Remark[];
}

/** An option as commander reads it: `--release <name>`, and what it is for. */
export interface VerbOption {
  readonly flags: string;
  readonly description: string;
  readonly default?: string | boolean;
  /** True where it may be given more than once, each time with one value. */
  readonly repeatable?: boolean;
  /** All that its value may be, for shells to complete. */
  readonly values?: readonly string[];
  /** Of a verb with actions: those that know the option; without, all do. */
  readonly actions?: readonly string[];
}

/** One of several things that a verb does, by its first argument. */
interface VerbAction {
  readonly name: string;
  readonly summary: string;
  readonly needsStage: boolean;
}

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** One verb of the command line. `run` imports what it needs only when it runs, so that start-up stays quick. */
export interface Verb {
  readonly name: string;
  /** Groups the overview. */
  readonly group: "set up" | "release" | "look" | "work with what runs" | "keep in order";
  readonly summary: string;
  /** `<stage>`, `[release]`, `[command...]`, each with a description. */
  readonly arguments: readonly (readonly [syntax: string, description: string])[];
  /** What the first argument, `<action>`, may be. */
  readonly actions?: readonly VerbAction[];
  readonly options: readonly VerbOption[];
  /** Adds `--dry-run` and `--yes`. */
  readonly changes: boolean;
  /** True where Ctrl-C is the ordinary end, and needs no words. */
  readonly endless?: (options: OptionValues) => boolean;
  /** True where `--json` prints one document a line, which only what is endless does unless this says so. */
  readonly linewise?: (options: OptionValues) => boolean;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly run: (context: Context, args: readonly string[], options: OptionValues) => Promise<Outcome>;
}

export function text(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** The values of an option that may be given more than once. */
export function texts(options: OptionValues, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value : [];
}
