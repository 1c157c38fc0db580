/**
 * A signal that is aborted after so many milliseconds, as `AbortSignal.timeout` gives it; the process need not live for it.
 * Of that one nothing but a weak reference is kept: as part of an `AbortSignal.any` it is collected as garbage on Node 20,
 * and never fires.
 */
export function timeLimit(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const expire = () => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  setTimeout(expire, milliseconds).unref();
  return controller.signal;
}
