import { formatDuration } from "../../base/duration.ts";
import type { ProgressEvent } from "../../base/progress.ts";
import { clean, cleanLine } from "./clean.ts";
import type { Paint } from "./paint.ts";
import { pathOf, type StepState, StepTree } from "./step-tree.ts";
import type { View } from "./view.ts";

/** A line for each thing that happens: for pipes, logs and CI. */
export class PlainView implements View {
  readonly #tree = new StepTree();
  readonly #write: (line: string) => void;
  readonly #paint: Paint;
  readonly #verbose: boolean;

  constructor(write: (line: string) => void, paint: Paint, verbose: boolean) {
    this.#write = write;
    this.#paint = paint;
    this.#verbose = verbose;
  }

  readonly listener = (event: ProgressEvent): void => {
    const step = this.#tree.take(event);
    const line =
      event.type === "warning"
        ? `${this.#paint("yellow", "!")} ${clean(event.message)}`
        : step && this.#line(event, step);
    if (line !== undefined) this.#write(line);
  };

  #line(event: Exclude<ProgressEvent, { type: "warning" }>, step: StepState): string | undefined {
    const path = clean(pathOf(step));
    switch (event.type) {
      case "step-started":
        // A step that takes long must be seen to have begun; the short ones inside it are told when they are done.
        return !step.parent || this.#verbose ? this.#paint("dim", `· ${path}`) : undefined;
      case "step-output":
        return this.#paint("dim", `  │ ${clean(event.line)}`);
      case "step-updated":
        return this.#verbose ? this.#paint("dim", `  ${path}: ${clean(event.text)}`) : undefined;
      case "step-done":
        return `${this.#paint("green", "✓")} ${path}${this.#ending(event.note, event.elapsed)}`;
      case "step-failed":
        return `${this.#paint("red", "✗")} ${path}${causeOf(step)}${this.#ending(undefined, event.elapsed)}`;
    }
  }

  notice(line: string): void {
    this.#write(line);
  }

  async finish(): Promise<void> {}

  #ending(note: string | undefined, elapsed: number): string {
    return this.#paint("dim", `${note === undefined ? "" : ` (${clean(note)})`} ${formatDuration(elapsed)}`);
  }
}

/** Where it happened the cause is told; what it brought down fails for the same one, and the command ends with it. */
function causeOf(step: StepState): string {
  const told = !step.parent || step.children.some((child) => child.status === "failed");
  return told || step.text === undefined ? "" : `: ${cleanLine(step.text)}`;
}
