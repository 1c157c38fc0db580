import { writeSync } from "node:fs";
import { clean, cleanColoured } from "./view/clean.ts";
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
    return process.stdout.isTTY ? Math.max(20, process.stdout.columns || 80) : Number.POSITIVE_INFINITY;
  }

  /** Spinners where a person looks on, lines elsewhere. */
  async openView(variables: Readonly<Record<string, string | undefined>>): Promise<View> {
    const view = await this.#chooseView(variables);
    this.#view = view;
    return view;
  }

  async #chooseView(variables: Readonly<Record<string, string | undefined>>): Promise<View> {
    if (!this.interactive || variables.TERM === "dumb" || this.verbose)
      return new PlainView(writeError, this.errorPaint, this.verbose);
    const { TerminalView } = await import("./view/terminal-view.ts");
    return new TerminalView(this.errorPaint);
  }

  /** Shows what the view has not shown yet, and closes it. */
  async finish(): Promise<void> {
    const view = this.#view;
    this.#view = undefined;
    await view?.finish();
  }

  /** One line, or several, to stderr; while steps are drawn there, among them. */
  say(text: string): void {
    if (this.#view) this.#view.notice(text);
    else writeError(text);
  }

  /** The last words to stderr of a process that is about to leave in the middle of its work. */
  sayLast(text: string): void {
    const toCleanLine = process.stderr.isTTY ? "\r\u001b[J\u001b[?25h" : "";
    try {
      writeSync(2, `${toCleanLine}${text}\n`);
    } catch {
      // Nobody listens any more, and there is no later to wait for.
    }
  }

  write(text: string): void {
    process.stdout.write(text);
  }

  /** What a verb found out, for people; foreign words in it cannot do anything to the terminal. */
  result(text: string): void {
    const isColoured = this.paint("red", "x") !== "x";
    if (text !== "") this.write(`${isColoured ? cleanColoured(text) : clean(text)}\n`);
  }

  /** One JSON document to stdout. */
  document(value: unknown): void {
    this.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}

function writeError(line: string): void {
  process.stderr.write(`${line}\n`);
}
