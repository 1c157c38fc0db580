import type { BuildEvent, BuildOutputReader } from "./output.ts";

/** Reads the classic builder's output: `Step 2/7 : RUN make`, then ` ---> Using cache` or output, then ` ---> 391a224c6669`. */
export class ClassicOutput implements BuildOutputReader {
  #step: { readonly id: string; cached: boolean; last?: string } | undefined;

  read(line: string): readonly BuildEvent[] {
    const step = /^Step (\d+)\/(\d+) : (.*)$/s.exec(line);
    if (step !== null) {
      const id = step[1] ?? "";
      const events = this.#finishStep();
      this.#step = { id, cached: false };
      return [...events, { type: "step-started", id, title: `[${id}/${step[2]}] ${step[3]}`, instruction: true }];
    }
    if (/^Successfully built [0-9a-f]+$/.test(line)) return this.#finishStep();
    if (this.#step === undefined) return line.trim() === "" || isNoise(line) ? [] : [{ type: "message", line }];
    if (line === " ---> Using cache") this.#step.cached = true;
    if (isNoise(line)) return [];
    const failure = /^The command '.*' returned a non-zero code: (\d+)$/s.exec(line);
    const reason = failure === null ? /^(?:COPY|ADD) failed: .*$/s.exec(line)?.[0] : `exit code: ${failure[1]}`;
    if (reason === undefined) {
      this.#step.last = line;
      return [{ type: "step-output", id: this.#step.id, line }];
    }
    const failed: BuildEvent = { type: "step-failed", id: this.#step.id, message: reason };
    this.#step = undefined;
    return [failed, { type: "message", line }];
  }

  /** What is wrong with an image, a mount or the engine is the last thing it writes, and looks like a step's output. */
  end(): readonly BuildEvent[] {
    if (this.#step?.last === undefined) return [];
    const { id, last } = this.#step;
    this.#step = undefined;
    return [{ type: "step-failed", id, message: last }];
  }

  #finishStep(): readonly BuildEvent[] {
    if (this.#step === undefined) return [];
    const { id, cached } = this.#step;
    this.#step = undefined;
    return [{ type: "step-done", id, cached }];
  }
}

function isNoise(line: string): boolean {
  return (
    /^ ---> (?:Using cache|(?:Running in )?[0-9a-f]{12})$/.test(line) ||
    /^Removing intermediate container [0-9a-f]+$/.test(line) ||
    /^(?:DEPRECATED: The legacy builder|Sending build context to Docker daemon|Successfully tagged )/.test(line) ||
    /^ {12}(?:Install the buildx component|BuildKit is currently disabled|environment-variable|https:\/\/docs\.docker\.com\/go\/buildx)/.test(
      line,
    )
  );
}
