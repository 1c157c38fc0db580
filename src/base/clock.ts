import { longestTimer } from "./time-limit.ts";

/** Time comes in from outside, so that waits and windows are tested without waiting. */
export interface Clock {
  now(): Date;
  /** Resolves after `duration` milliseconds; rejects with the signal's reason when aborted. */
  wait(duration: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  wait: (duration, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
        Math.min(duration, longestTimer),
      );
      signal?.addEventListener("abort", abort, { once: true });
    }),
};
