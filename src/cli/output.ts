import { writeSync } from "node:fs";
import type { ProgressEvent } from "../base/progress.ts";
import { choosePaint, type Paint } from "./view/paint.ts";
import { PlainView } from "./view/plain-view.ts";
import type { View } from "./view/view.ts";

/**
 * Where text goes: results to stdout, everything else to stderr. Which options were typed is read from the words
 * themselves, because errors in them must be shown in the right form too.
 */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly interactive: boolean;
  readonly paint: Paint;
  readonly errorPaint: Paint;
  exitCode = 0;
  #view: View | undefined;

  constructor(words: readonly string[], variables: Readonly<Record<string, string | undefined>>) {
    const end = words.indexOf("--");
    const options = new Set(end < 0 ? words : words.slice(0, end));
    this.json = options.has("--json");
    this.verbose = options.has("--verbose");
    const noColor = options.has("--no-color");
    this.paint = choosePaint({ variables, isTerminal: process.stdout.isTTY === true, noColor });
    this.errorPaint = choosePaint({ variables, isTerminal: process.stderr.isTTY === true, noColor });
    const ci = variables.CI !== undefined && variables.CI !== "" && variables.CI !== "false";
    this.interactive = process.stdin.isTTY === true && process.stderr.isTTY === true && !this.json && !ci;
  }

  get width(): number {
    return process.stdout.isTTY ? Math.max(20, process.stdout.columns) : Number.POSITIVE_INFINITY;
  }

  /** Spinners where a person looks on, lines elsewhere. */
  async openView(variables: Readonly<Record<string, string | undefined>>): Promise<View> {
    const fancy = this.interactive && variables.TERM !== "dumb" && !this.verbose;
    if (fancy) {
      const { TerminalView } = await import("./view/terminal-view.ts");
      this.#view = new TerminalView(this.errorPaint);
    } else {
      this.#view = new PlainView((line) => this.say(line), this.errorPaint, this.verbose);
    }
    return this.#view;
  }

  readonly listener = (event: ProgressEvent): void => this.#view?.listener(event);

  async finish(): Promise<void> {
    await this.#view?.finish();
  }

  /** One line, or several, to stderr. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  write(text: string): void {
    process.stdout.write(text);
  }

  /** One JSON document to stdout, whole before the process may end. */
  document(value: unknown): void {
    const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
    let offset = 0;
    while (offset < bytes.length) {
      try {
        offset += writeSync(1, bytes, offset);
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : undefined;
        if (code === "EPIPE") return;
        if (code !== "EAGAIN") throw error;
      }
    }
  }
}
