import { type Digest, isDigest } from "../base/digest.ts";
import type { Progress } from "../base/progress.ts";
import { parseImageReference } from "../base/reference.ts";
import { taggedName } from "./base-digests.ts";
import { type BuildEvent, lastWritten } from "./output.ts";

/** Lines kept of each step: enough to see why it failed. */
const keptLines = 60;

interface Step {
  readonly title: string;
  readonly lines: string[];
  readonly report: Progress | undefined;
  readonly finish: ((failure: string | undefined) => void) | undefined;
}

/** What remains of a build that failed. */
export interface BuildFailure {
  readonly title: string | undefined;
  readonly message: string | undefined;
  readonly line: number | undefined;
  readonly evidence: readonly string[];
}

/** Turns a builder's events into steps of the progress, and remembers what would explain a failure. */
export class BuildSteps {
  readonly #progress: Progress;
  readonly #open = new Map<string, Step>();
  readonly #reports: Promise<void>[] = [];
  readonly #messages: string[] = [];
  #failed: { readonly step: Step; readonly message: string } | undefined;
  #line: number | undefined;
  readonly #bases = new Map<string, Digest>();

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case "step-started":
        this.#start(event.id, event.title, event.instruction);
        break;
      case "step-output":
        this.#output(event.id, event.line);
        break;
      case "step-done":
        if (event.cached) this.#open.get(event.id)?.report?.note("cached");
        this.#end(event.id, undefined);
        break;
      case "step-failed":
        this.#fail(event.id, event.message);
        break;
      case "location":
        this.#line ??= event.line;
        break;
      case "message":
        this.#messages.push(event.line);
        if (this.#messages.length > keptLines) this.#messages.shift();
        break;
    }
  }

  /** Ends what is still open, and waits until all has been reported. */
  async close(failure: string | undefined): Promise<void> {
    for (const id of [...this.#open.keys()]) this.#end(id, failure);
    await Promise.all(this.#reports);
  }

  get failure(): BuildFailure {
    const lines = this.#failed?.step.lines ?? [];
    return {
      title: this.#failed?.step.title,
      message: this.#failed?.message,
      line: this.#line,
      evidence: [...lines, ...this.#messages],
    };
  }

  /** Digests of the base images that the builder asked a registry for, by `registry/path:tag`. */
  get bases(): ReadonlyMap<string, Digest> {
    return this.#bases;
  }

  /** BuildKit names what it resolved in the step's title: `[1/3] FROM docker.io/library/node:20@sha256:…`. */
  #readBase(title: string): void {
    const [, name = "", digest = ""] = /^\[[^\]]*\] FROM (\S+)@(sha256:[0-9a-f]{64})$/.exec(title) ?? [];
    const image = parseImageReference(name);
    if (image && isDigest(digest)) this.#bases.set(taggedName(image), digest);
  }

  #start(id: string, title: string, instruction: boolean): void {
    this.#readBase(title);
    this.#progress.update(title);
    if (!instruction) {
      this.#open.set(id, { title, lines: [], report: undefined, finish: undefined });
      return;
    }
    this.#reports.push(
      this.#progress
        .step(
          title,
          (report) =>
            new Promise<void>((resolve, reject) => {
              const finish = (failure: string | undefined) =>
                failure === undefined ? resolve() : reject(new Error(failure));
              this.#open.set(id, { title, lines: [], report, finish });
            }),
        )
        // The build as a whole fails with all that is known; this step has already been reported.
        .catch(() => undefined),
    );
  }

  #output(id: string, text: string): void {
    const line = lastWritten(text);
    const step = this.#open.get(id);
    step?.lines.push(line);
    if (step !== undefined && step.lines.length > keptLines) step.lines.shift();
    (step?.report ?? this.#progress).output(line);
  }

  #fail(id: string, message: string): void {
    const step = this.#open.get(id);
    // Steps that are cancelled because another one failed explain nothing.
    if (step !== undefined && message !== "canceled") this.#failed ??= { step, message };
    this.#end(id, message);
  }

  #end(id: string, failure: string | undefined): void {
    const step = this.#open.get(id);
    this.#open.delete(id);
    step?.finish?.(failure);
  }
}
