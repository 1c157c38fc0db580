import { EnvctlError, messageOf, type Remark } from "./errors.ts";

/** What the core tells its listeners. Only `cli/view` turns these into text. */
export type ProgressEvent =
  | {
      readonly type: "step-started";
      readonly step: number;
      readonly parent: number | undefined;
      readonly title: string;
    }
  | { readonly type: "step-updated"; readonly step: number; readonly text: string }
  | { readonly type: "step-output"; readonly step: number; readonly line: string }
  | { readonly type: "step-done"; readonly step: number; readonly note: string | undefined; readonly elapsed: number }
  | { readonly type: "step-failed"; readonly step: number; readonly message: string; readonly elapsed: number }
  | { readonly type: "warning"; readonly message: string; readonly place?: WarningPlace | undefined };

/** The line of a file that a warning is about. */
type WarningPlace = Omit<Remark, "severity">;

export type ProgressListener = (event: ProgressEvent) => void;

/** A place in the tree of steps: long work reports here, and makes child steps of it. */
export class Progress {
  readonly #listener: ProgressListener;
  readonly #step: number | undefined;
  readonly #counter: { next: number };
  #note: string | undefined;

  constructor(listener: ProgressListener, step?: number, counter: { next: number } = { next: 1 }) {
    this.#listener = listener;
    this.#step = step;
    this.#counter = counter;
  }

  /** Runs `work` as a child step: started, then done or failed, with the time it took. */
  async step<Result>(title: string, work: (progress: Progress) => Promise<Result>): Promise<Result> {
    const step = this.#counter.next++;
    const started = performance.now();
    this.#listener({ type: "step-started", step, parent: this.#step, title });
    const child = new Progress(this.#listener, step, this.#counter);
    try {
      const result = await work(child);
      this.#listener({ type: "step-done", step, note: child.#note, elapsed: performance.now() - started });
      return result;
    } catch (error) {
      const message = error instanceof EnvctlError ? error.message : messageOf(error);
      this.#listener({ type: "step-failed", step, message, elapsed: performance.now() - started });
      throw error;
    }
  }

  /** What this step is at now, in a few words: `pulling 34 %`. */
  update(text: string): void {
    if (this.#step !== undefined) this.#listener({ type: "step-updated", step: this.#step, text });
  }

  /** One full line of a program's or container's output. */
  output(line: string): void {
    if (this.#step !== undefined) this.#listener({ type: "step-output", step: this.#step, line });
  }

  /** A few words shown beside the finished step: `already there`. */
  note(text: string): void {
    this.#note = text;
  }

  warn(message: string, place?: WarningPlace): void {
    this.#listener({ type: "warning", message, place });
  }
}

/** For callers that want no news. */
export const silent = new Progress(() => {});
