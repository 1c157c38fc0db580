import type { ProgressEvent } from "../../base/progress.ts";

/** One step as a view remembers it. */
export interface StepState {
  readonly id: number;
  readonly parent: StepState | undefined;
  readonly title: string;
  readonly children: StepState[];
  status: "running" | "done" | "failed";
  /** What it is at now, or its note once done. */
  text: string | undefined;
  elapsed: number;
  /** When it began, on the clock of `performance.now()`. */
  readonly started: number;
}

/** How long it took, or has taken so far. Milliseconds. */
export function ageOf(step: StepState): number {
  return step.status === "running" ? performance.now() - step.started : step.elapsed;
}

/** The tree of steps that the events describe. */
export class StepTree {
  readonly #steps = new Map<number, StepState>();

  step(id: number): StepState | undefined {
    return this.#steps.get(id);
  }

  /** Takes an event in; returns the step it is about. */
  take(event: ProgressEvent): StepState | undefined {
    if (event.type === "warning") return undefined;
    if (event.type === "step-started") {
      const parent = event.parent === undefined ? undefined : this.#steps.get(event.parent);
      const step: StepState = {
        id: event.step,
        parent,
        title: event.title,
        children: [],
        status: "running",
        text: undefined,
        elapsed: 0,
        started: performance.now(),
      };
      this.#steps.set(event.step, step);
      parent?.children.push(step);
      return step;
    }
    const step = this.#steps.get(event.step);
    if (!step) return undefined;
    if (event.type === "step-updated") step.text = event.text;
    if (event.type === "step-output") step.text = event.line;
    if (event.type === "step-done") Object.assign(step, { status: "done", text: event.note, elapsed: event.elapsed });
    if (event.type === "step-failed")
      Object.assign(step, { status: "failed", text: event.message, elapsed: event.elapsed });
    return step;
  }
}

/** `switch › ssh://test1 › start shop-test-app-3f2c1ab-2` */
export function pathOf(step: StepState): string {
  return step.parent ? `${pathOf(step.parent)} › ${step.title}` : step.title;
}
