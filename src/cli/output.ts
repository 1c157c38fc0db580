import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { type EnvctlError, messageOf, type Remark } from "../base/errors.ts";
import { type CiFiles, type CiService, ciFiles, ciService } from "./ci/service.ts";
import type { Outcome } from "./verb.ts";
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
  readonly #service: CiService | undefined;
  readonly #files: CiFiles;
  #view: View | undefined;
  #finished = false;
  #linewise = false;

  constructor(words: readonly string[], variables: Readonly<Record<string, string | undefined>>) {
    const end = words.indexOf("--");
    const options = new Set(end < 0 ? words : words.slice(0, end));
    this.json = options.has("--json");
    this.verbose = options.has("--verbose");
    const noColor = options.has("--no-color");
    this.paint = choosePaint({ variables, isTerminal: process.stdout.isTTY === true, noColor });
    this.errorPaint = choosePaint({ variables, isTerminal: process.stderr.isTTY === true, noColor });
    const ci = variables.CI !== undefined && variables.CI !== "" && variables.CI !== "false";
    this.#service = ciService(variables);
    this.#files = ciFiles(variables);
    this.interactive = isatty(0) && process.stderr.isTTY === true && !this.json && !ci;
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
    if (!this.interactive || variables.TERM === "dumb" || this.verbose) {
      const plain = new PlainView((line) => writeError(this.#defuse(line)), this.errorPaint, this.verbose);
      if (!this.#service) return plain;
      const { GroupedView } = await import("./ci/grouped-view.ts");
      return new GroupedView(plain, this.#service, writeError);
    }
    const { TerminalView } = await import("./view/terminal-view.ts");
    return new TerminalView(this.errorPaint);
  }

  /** True once the verb is over, and all that is written tells how it ended. */
  get isFinished(): boolean {
    return this.#finished;
  }

  /** Shows what the view has not shown yet, and closes it. */
  async finish(): Promise<void> {
    this.#finished = true;
    const view = this.#view;
    this.#view = undefined;
    await view?.finish();
  }

  /** One line, or several, to stderr; while steps are drawn there, among them. */
  say(text: string): void {
    if (this.#view) this.#view.notice(text);
    else writeError(this.#defuse(text));
  }

  /** Tells a pipeline what a verb found: beside the lines it is about, and in the files that the pipeline named. */
  async report({ report, remarks = [] }: Outcome): Promise<void> {
    this.#remark(remarks);
    const { codeQuality, root } = this.#files;
    await this.#writeFiles(async (files) => {
      if (report) await files.writeReport(this.#files, report);
      if (codeQuality !== undefined && remarks.length > 0) await files.writeCodeQuality(codeQuality, root, remarks);
    });
  }

  /** The same for a verb that failed. */
  async reportFailure(command: string, error: EnvctlError): Promise<void> {
    this.#remark(error.remarks);
    await this.#writeFiles((files) => files.writeFailure(this.#files, command, error));
  }

  #remark(remarks: readonly Remark[]): void {
    for (const line of remarks.flatMap((remark) => this.#service?.remark(remark) ?? [])) writeError(line);
  }

  /** What was done is done, whether a pipeline can be told or not. */
  async #writeFiles(write: (files: typeof import("./ci/files.ts")) => Promise<void>): Promise<void> {
    const { outputs, summary, codeQuality } = this.#files;
    if ((outputs ?? summary ?? codeQuality) === undefined) return;
    try {
      await write(await import("./ci/files.ts"));
    } catch (error) {
      this.say(`${this.errorPaint("yellow", "!")} the files for the pipeline cannot be written: ${messageOf(error)}`);
    }
  }

  #defuse(text: string): string {
    return this.#service ? this.#service.defuse(text) : text;
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
    process.stdout.write(this.json ? text : this.#defuse(text));
  }

  /** What a verb found out, for people; foreign words in it cannot do anything to the terminal. */
  result(text: string): void {
    const isColoured = this.paint("red", "x") !== "x";
    if (text !== "") this.write(`${isColoured ? cleanColoured(text) : clean(text)}\n`);
  }

  /** From now on a JSON document is a line: what reads the lines of a stream reads how it ended, too. */
  printLines(): void {
    this.#linewise = true;
  }

  /** One JSON document to stdout. */
  document(value: unknown): void {
    this.write(`${JSON.stringify(value, null, this.#linewise ? 0 : 2)}\n`);
  }
}

function writeError(line: string): void {
  process.stderr.write(`${line}\n`);
}
