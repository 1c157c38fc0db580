import { Listr, type ListrTaskWrapper } from "listr2";
import { formatDuration } from "../../base/duration.ts";
import type { ProgressEvent } from "../../base/progress.ts";
import { clean } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { type StepState, StepTree } from "./step-tree.ts";
import type { View } from "./view.ts";

/** How many lines of running steps are shown under the one they belong to. */
const liveLines = 8;

type Task = ListrTaskWrapper<unknown, never, never>;

/**
 * A spinner for each top step, and under it what its children are at. listr2 runs tasks; here the core runs them, so each
 * top step becomes a task that waits for that step's last event.
 */
export class TerminalView implements View {
  readonly #tree = new StepTree();
  readonly #paint: Paint;
  readonly #tasks = new Map<StepState, { task?: { output: string; title: string }; end: (error?: Error) => void }>();
  #shown: Promise<unknown> = Promise.resolve();
  readonly #warnings: string[] = [];

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  readonly listener = (event: ProgressEvent): void => {
    const step = this.#tree.take(event);
    if (event.type === "warning") {
      this.#warnings.push(`${this.#paint("yellow", "!")} ${clean(event.message)}`);
      return;
    }
    if (!step) return;
    if (event.type === "step-started" && !step.parent) {
      this.#show(step);
      return;
    }
    const top = topOf(step);
    const shown = this.#tasks.get(top);
    if (!shown) return;
    if (shown.task) shown.task.output = this.#live(top).join("\n");
    if (step === top && event.type === "step-done") shown.end();
    if (step === top && event.type === "step-failed") shown.end(new Error(event.message));
  };

  async finish(): Promise<void> {
    await this.#shown;
    this.#flushWarnings();
  }

  #show(step: StepState): void {
    let end: (error?: Error) => void = () => {};
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) => (error ? reject(error) : resolve());
    });
    // Whoever runs the step hears of its failure; here it only ends the spinner.
    ended.catch(() => {});
    const entry: { task?: { output: string; title: string }; end: (error?: Error) => void } = { end };
    this.#tasks.set(step, entry);
    const run = async (_: unknown, task: Task) => {
      entry.task = task as unknown as { output: string; title: string };
      entry.task.output = this.#live(step).join("\n");
      try {
        await ended;
      } finally {
        entry.task.title = this.#title(step);
      }
    };
    const list = new Listr([{ title: clean(step.title), task: run as never }], {
      exitOnError: false,
      // listr2 would call process.exit(127) on Ctrl-C, and no lock would ever be released.
      registerSignalListeners: false,
      rendererOptions: {
        outputBar: liveLines,
        showErrorMessage: false,
        collapseErrors: false,
        removeEmptyLines: true,
      } as never,
    });
    this.#shown = this.#shown.then(async () => {
      this.#flushWarnings();
      await list.run().catch(() => {});
      this.#tasks.delete(step);
    });
  }

  #flushWarnings(): void {
    for (const warning of this.#warnings.splice(0)) process.stderr.write(`${warning}\n`);
  }

  #title(step: StepState): string {
    const note = step.status === "done" && step.text !== undefined ? ` (${clean(step.text)})` : "";
    return `${clean(step.title)}${this.#paint("dim", `${note} ${formatDuration(step.elapsed)}`)}`;
  }

  /** The running steps below, and those that are done beside them. */
  #live(step: StepState, depth = 0): string[] {
    const lines: string[] = [];
    for (const child of step.children) {
      const text = child.text === undefined ? "" : ` ${this.#paint("dim", clean(child.text))}`;
      const mark = { running: "›", done: this.#paint("green", "✓"), failed: this.#paint("red", "✗") }[child.status];
      lines.push(`${"  ".repeat(depth)}${mark} ${clean(child.title)}${text}`);
      if (child.status === "running") lines.push(...this.#live(child, depth + 1));
    }
    if (depth === 0 && step.children.length === 0 && step.text !== undefined) lines.push(clean(step.text));
    return depth === 0 ? lines.slice(-liveLines) : lines;
  }
}

function topOf(step: StepState): StepState {
  return step.parent ? topOf(step.parent) : step;
}
