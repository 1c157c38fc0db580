/** Milliseconds without a sign of life after which an engine is asked whether it is still there. */
const silence = 15_000;

/** What goes on with an engine, and tells of each sign that it gives. */
type Work<Result> = (signal: AbortSignal, sign: () => void) => Promise<Result>;

/**
 * Ends, with the error of `ask`, what goes on with an engine that is gone. TCP's own keep-alive finds that out for idle
 * connections alone: while something that was sent is not confirmed, a kernel tries again for a quarter of an hour
 * (tcp(7), `tcp_retries2`). An engine that answers, and is only slow, is waited for.
 */
export async function whileAlive<Result>(
  ask: (signal: AbortSignal) => Promise<unknown>,
  work: Work<Result>,
  signal?: AbortSignal,
  limit = silence,
): Promise<Result> {
  const gone = new AbortController();
  let last = performance.now();
  let isAsked = false;
  const sign = () => {
    last = performance.now();
  };
  const look = () => {
    if (isAsked || performance.now() - last < limit) return;
    isAsked = true;
    const answered = ask(gone.signal).then(sign, (error: unknown) => gone.abort(error));
    void answered.finally(() => {
      isAsked = false;
    });
  };
  const timer = setInterval(look, limit / 4);
  try {
    return await work(signal ? AbortSignal.any([gone.signal, signal]) : gone.signal, sign);
  } finally {
    clearInterval(timer);
    gone.abort();
  }
}
