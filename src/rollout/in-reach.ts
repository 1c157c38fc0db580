import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** Milliseconds between two tries. */
const pause = 500;

interface Waiting {
  /** Called each time the host does not answer; returns until when it is tried again (`performance.now()`). */
  readonly tell: (error: unknown) => number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Whether it failed because its host, or the host's engine, does not answer. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof EnvctlError && error.exitCode === ExitCode.unreachable;
}

/** Does what is safe to repeat, again and again while its host does not answer. Rejects as the last try did. */
export async function untilInReach<Result>(work: () => Promise<Result>, waiting: Waiting): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isOutOfReach(error) || waiting.signal.aborted) throw error;
      if (performance.now() >= waiting.tell(error)) throw error;
      await waiting.clock.wait(pause, waiting.signal);
    }
  }
}
