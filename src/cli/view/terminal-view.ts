import { DefaultRenderer, Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } from "listr2";
import type { ProgressEvent } from "../../base/progress.ts";
import { clean } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { endLines, liveLines, titleLine } from "./step-lines.ts";
import { type StepState, StepTree } from "./step-tree.ts";
import type { View } from "./view.ts";

/** How many lines are shown under the step that is under way. */
const lines = 8;
/** What listr2 puts before a title and before the lines under it. Columns. */
const titleMargin = 4;
const lineMargin = 6;
/** How often ages are counted on while nothing else happens. Milliseconds. */
const tick = 1000;

/** Of itself, listr2 draws only where stdout is a terminal; we draw on stderr, and stdout may well be a file. */
class StderrRenderer extends DefaultRenderer {
  static override readonly nonTTY = true;
}

interface Shown {
  /** Brings the screen up to date; does nothing while another step has it. */
  refresh: () => void;
  readonly end: () => void;
}

/**
 * A spinner for each top step, and under it what its children are at. listr2 runs tasks; here the core runs them, so each
 * top step becomes a task that waits for that step's last event.
 */
export class TerminalView implements View {
  readonly #tree = new StepTree();
  readonly #paint: Paint;
  readonly #shown = new Map<StepState, Shown>();
  /** What was said while a step had the screen: written above the next one, so that it stays. */
  readonly #notices: string[] = [];
  #drawn: Promise<unknown> = Promise.resolve();

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  readonly listener = (event: ProgressEvent): void => {
    if (event.type === "warning") {
      this.notice(`${this.#paint("yellow", "!")} ${clean(event.message)}`);
      return;
    }
    const step = this.#tree.take(event);
    if (!step) return;
    if (event.type === "step-started" && !step.parent) this.#show(step);
    const shown = this.#shown.get(topOf(step));
    shown?.refresh();
    if (!step.parent && step.status !== "running") shown?.end();
  };

  notice(line: string): void {
    this.#notices.push(line);
    if (this.#shown.size === 0) this.#writeNotices();
    for (const { refresh } of this.#shown.values()) refresh();
  }

  async finish(): Promise<void> {
    await this.#drawn;
    this.#writeNotices();
  }

  #show(step: StepState): void {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const shown: Shown = { refresh: () => {}, end };
    this.#shown.set(step, shown);
    this.#drawn = this.#drawn.then(async () => {
      this.#writeNotices();
      await this.#draw(step, shown, ended);
      this.#shown.delete(step);
      if (this.#shown.size === 0) this.#writeNotices();
    });
  }

  async #draw(step: StepState, shown: Shown, ended: Promise<void>): Promise<void> {
    const list = new Listr<unknown, typeof StderrRenderer, typeof StderrRenderer>(
      {
        title: this.#title(step),
        task: async (_, task) => {
          shown.refresh = () => {
            task.title = this.#title(step);
            task.output = [...liveLines(step, this.#room()), ...this.#notices].join("\n");
          };
          shown.refresh();
          const timer = setInterval(shown.refresh, tick);
          await ended;
          clearInterval(timer);
          shown.refresh = () => {};
          task.title = this.#title(step);
          task.output = endLines(step, this.#room()).join("\n");
          // Whoever runs the step hears of its failure; here it only marks the line.
          if (step.status === "failed") throw new Error(step.title);
        },
        rendererOptions: { outputBar: 1, persistentOutput: true },
      },
      {
        renderer: StderrRenderer,
        rendererOptions: {
          ...marks(this.#paint),
          logger: new ListrLogger({
            processOutput: new ProcessOutput(process.stderr, process.stderr, { leaveEmptyLine: false }),
          }),
          collapseErrors: false,
          showErrorMessage: false,
        },
        exitOnError: false,
        // listr2 would call process.exit(127) on Ctrl-C, and no lock would ever be released.
        registerSignalListeners: false,
      },
    );
    await list.run();
  }

  #title(step: StepState): string {
    return titleLine(step, { paint: this.#paint, columns: columns() - titleMargin });
  }

  #room() {
    return { paint: this.#paint, columns: columns() - lineMargin, lines };
  }

  #writeNotices(): void {
    for (const line of this.#notices.splice(0)) process.stderr.write(`${line}\n`);
  }
}

/** Our marks in our colours: listr2 asks stdout whether there are any. */
function marks(paint: Paint) {
  const level = ListrDefaultRendererLogLevels;
  const same = (text?: string) => text ?? "";
  return {
    icon: { [level.OUTPUT]: " ", [level.COMPLETED]: "✓", [level.FAILED]: "✗" },
    color: {
      [level.PENDING]: (text?: string) => paint("yellow", same(text)),
      [level.COMPLETED]: (text?: string) => paint("green", same(text)),
      [level.FAILED]: (text?: string) => paint("red", same(text)),
      [level.WAITING]: same,
    },
  };
}

function columns(): number {
  return Math.max(20, process.stderr.columns || 80);
}

function topOf(step: StepState): StepState {
  return step.parent ? topOf(step.parent) : step;
}
