/** What a timer can wait at most, 24 days: one that is set to more goes off at once. Milliseconds. */
export const longestTimer = 2 ** 31 - 1;

/**
 * A signal that is aborted after so many milliseconds, as `AbortSignal.timeout` gives it; the process need not live for it.
 * Of that one nothing but a weak reference is kept: as part of an `AbortSignal.any` it is collected as garbage on Node 20,
 * and never fires.
 */
export function timeLimit(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const expire = () => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  setTimeout(expire, Math.min(milliseconds, longestTimer)).unref();
  return controller.signal;
}

/** Does work that must not be given up at once where `signal` is aborted: the one it is handed is so many milliseconds later. */
export async function withGrace<Result>(
  signal: AbortSignal | undefined,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(() => late.abort(signal?.reason), milliseconds);
  };
  signal?.addEventListener("abort", begin, { once: true });
  try {
    return await work(late.signal);
  } finally {
    signal?.removeEventListener("abort", begin);
    clearTimeout(timer);
  }
}
