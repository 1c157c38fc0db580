import { PassThrough } from "node:stream";
import { withGrace } from "../base/time-limit.ts";
import { type Captured, captureUntilDone } from "../engine/capture.ts";
import type { Engine } from "../engine/engine.ts";

/** A command that waits in a container for its input, and does nothing where that ends before it is whole. */
interface Waiting {
  readonly input: PassThrough;
  readonly done: Promise<Captured>;
  /** Gives it up at this signal, and no more at that with which it was started. */
  readonly giveUpAt: (signal: AbortSignal) => void;
  ended: boolean;
}

interface RunOptions {
  /** Milliseconds that it may take to end after an abort: what it changes must have changed, or not, before that is undone. */
  readonly grace?: number;
}

/**
 * Commands in the containers of one host that take their work from standard input, and say when it is done. An engine needs
 * a tenth of a second to start one, which nobody has to wait for who knows early that it will be needed.
 */
export class ReadyCommands {
  readonly #engine: Engine;
  readonly #waiting = new Map<string, Waiting>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Starts it ahead of its input. Where that fails, nobody hears of it: `run` starts it then. */
  start(container: string, command: readonly string[], signal: AbortSignal): void {
    const key = keyOf(container, command);
    if (this.#living(key)) return;
    const input = new PassThrough();
    const abandoned = new AbortController();
    const giveUp = () => abandoned.abort(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    const giveUpAt = (later: AbortSignal) => {
      signal.removeEventListener("abort", giveUp);
      later.addEventListener("abort", () => abandoned.abort(later.reason), { once: true });
    };
    const done = captureUntilDone(this.#engine, container, command, abandoned.signal, input);
    const waiting: Waiting = { input, done, giveUpAt, ended: false };
    const end = () => {
      waiting.ended = true;
    };
    done.then(end, end);
    this.#waiting.set(key, waiting);
  }

  /** Runs a command on its input: the one that waits for it, or a new one. */
  async run(
    container: string,
    command: readonly string[],
    input: string,
    signal: AbortSignal,
    { grace = 0 }: RunOptions = {},
  ): Promise<Captured> {
    return await withGrace(signal, grace, async (late) => {
      const key = keyOf(container, command);
      const waiting = this.#living(key);
      this.#waiting.delete(key);
      if (!waiting) return await captureUntilDone(this.#engine, container, command, late, input);
      waiting.giveUpAt(late);
      waiting.input.end(input);
      return await waiting.done;
    });
  }

  /** Ends those that were not needed. */
  async close(): Promise<void> {
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { input } of left) input.end();
    await Promise.allSettled(left.map(({ done }) => done));
  }

  #living(key: string): Waiting | undefined {
    const waiting = this.#waiting.get(key);
    return waiting?.ended ? undefined : waiting;
  }
}

function keyOf(container: string, command: readonly string[]): string {
  return JSON.stringify([container, ...command]);
}
