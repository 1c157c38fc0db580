import type { Context, Outcome } from "./context.ts";

/** An option as commander reads it: `--release <name>`, and what it is for. */
export interface VerbOption {
  readonly flags: string;
  readonly description: string;
  readonly default?: string | boolean;
}

export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** One verb of the command line. `run` imports what it needs only when it runs, so that start-up stays quick. */
export interface Verb {
  readonly name: string;
  /** Groups the overview. */
  readonly group: "set up" | "release" | "look" | "work with what runs" | "keep in order";
  readonly summary: string;
  /** `<stage>`, `[release]`, `[command...]`, each with a description. */
  readonly arguments: readonly (readonly [syntax: string, description: string])[];
  readonly options: readonly VerbOption[];
  /** Adds `--dry-run` and `--yes`. */
  readonly changes: boolean;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly run: (context: Context, args: readonly string[], options: OptionValues) => Promise<Outcome>;
}

export function text(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}
