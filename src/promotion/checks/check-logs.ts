import { closeSync, openSync, writeSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import { homeFolder } from "../../base/user.ts";

/** Verifications of a stage whose logs are kept. */
const keptRuns = 20;
/** Bytes of one check's log; what a program prints beyond that is not kept. */
const largestLog = 8 * 1024 * 1024;
/** Last lines that are shown when a check fails. */
const shownLines = 20;

type Variables = Readonly<Record<string, string | undefined>>;

/** `$XDG_STATE_HOME/envctl/checks`, or `~/.local/state/envctl/checks` (XDG Base Directory Specification). */
function checkLogDirectory(variables: Variables): string {
  const base = variables.XDG_STATE_HOME;
  const state = base !== undefined && isAbsolute(base) ? base : join(homeFolder(variables), ".local", "state");
  return join(state, "envctl", "checks");
}

/** Where the checks of one verification write, each its own file. */
export class CheckLogs {
  /** Undefined where nothing can be kept. */
  readonly folder: string | undefined;

  private constructor(folder: string | undefined) {
    this.folder = folder;
  }

  /**
   * Makes a folder of its own for this verification, and removes those of the stage's oldest ones. That nothing can be
   * kept is a warning: it says nothing of the release.
   */
  static async open(
    stage: { readonly environment: string; readonly stage: string; readonly release: string },
    now: Date,
    variables: Variables,
    warn: (message: string) => void,
  ): Promise<CheckLogs> {
    const parent = join(checkLogDirectory(variables), stage.environment, stage.stage);
    const time = now.toISOString().replace(/[-:]/g, "").replace(".", "-");
    const folder = join(parent, `${time}-${stage.release}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Names begin with the time.
      const runs = (await readdir(parent)).sort();
      await Promise.all(runs.slice(0, -keptRuns).map((run) => rm(join(parent, run), { recursive: true, force: true })));
      return new CheckLogs(folder);
    } catch (error) {
      warn(`the logs of the checks are not kept: ${messageOf(error)}`);
      return new CheckLogs(undefined);
    }
  }

  log(check: string): CheckLog {
    return new CheckLog(this.folder === undefined ? undefined : join(this.folder, `${check}.log`));
  }
}

/** What one check printed. Each line is on disk once it is written. */
export class CheckLog {
  readonly path: string | undefined;
  readonly #file: number | undefined;
  readonly #last: string[] = [];
  #left = largestLog;

  constructor(path: string | undefined) {
    this.path = path;
    this.#file = path === undefined ? undefined : openSync(path, "a", 0o600);
  }

  /** The last lines that its program printed. */
  get lastLines(): readonly string[] {
    return this.#last;
  }

  /** A line that its program printed. */
  output(line: string): void {
    this.#last.push(line);
    if (this.#last.length > shownLines) this.#last.shift();
    this.note(line);
  }

  /** A line about the check itself. */
  note(line: string): void {
    if (this.#file === undefined || this.#left <= 0) return;
    this.#left -= Buffer.byteLength(line) + 1;
    writeSync(this.#file, this.#left > 0 ? `${line}\n` : "# what came then is not kept: the log is full\n");
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
