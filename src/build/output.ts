import { stripVTControlCharacters } from "node:util";

/** What a builder's output says, whichever builder it is. */
export type BuildEvent =
  | { readonly type: "step-started"; readonly id: string; readonly title: string; readonly instruction: boolean }
  | { readonly type: "step-output"; readonly id: string; readonly line: string }
  | { readonly type: "step-done"; readonly id: string; readonly cached: boolean }
  | { readonly type: "step-failed"; readonly id: string; readonly message: string }
  /** Where in the Dockerfile the failure is, one-based. */
  | { readonly type: "location"; readonly line: number }
  /** Text outside any step: the final error, warnings. */
  | { readonly type: "message"; readonly line: string };

/** Reads a builder's output line by line. One for each build: it remembers the steps it saw. */
export interface BuildOutputReader {
  read(line: string): readonly BuildEvent[];
  /** To be called when the builder has failed, and all that it wrote was read. */
  end(): readonly BuildEvent[];
}

/** A line without colours and other commands to the terminal. */
export function plainLine(line: string): string {
  return stripVTControlCharacters(line).replace(/\r+$/, "");
}

/** Of a line that was written over and over (`10 %\r20 %`), what a terminal would show in the end. */
export function lastWritten(line: string): string {
  return line.slice(line.lastIndexOf("\r") + 1);
}
