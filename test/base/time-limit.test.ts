import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { timeLimit, withGrace } from "../../src/base/time-limit.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Whether a limit fires that is part of a signal which somebody listens to, though garbage is collected meanwhile. */
async function fires(limit: (milliseconds: number) => AbortSignal): Promise<boolean> {
  const either = AbortSignal.any([new AbortController().signal, limit(100)]);
  const fired = new Promise<boolean>((resolve) =>
    either.addEventListener("abort", () => resolve(true), { once: true }),
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  collectGarbage();
  return await Promise.race([fired, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500))]);
}

it("fires as a part of other signals, whatever is collected", async () => {
  expect(await fires(timeLimit)).toBe(true);
  const signal = timeLimit(1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([signal.aborted, (signal.reason as DOMException).name]).toEqual([true, "TimeoutError"]);
});

it("lasts where it is longer than a timer can wait", async () => {
  const month = 30 * 24 * 3_600_000;
  const controller = new AbortController();
  const limit = timeLimit(month);
  const waited = systemClock.wait(month, controller.signal);
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort(new Error("waits still"));
  await expect(waited).rejects.toThrow("waits still");
  expect(limit.aborted).toBe(false);
});

it("grants what was begun its time after an abort, and no more", async () => {
  const given = new AbortController();
  const wait = (milliseconds: number, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      setTimeout(() => resolve("done"), milliseconds);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const quick = withGrace(given.signal, 200, (late) => wait(50, late));
  const slow = withGrace(given.signal, 20, (late) => wait(1000, late));
  given.abort(new Error("interrupted"));
  await expect(slow).rejects.toThrow("interrupted");
  expect(await quick).toBe("done");
  await expect(withGrace(given.signal, 200, (late) => wait(50, late))).rejects.toThrow("interrupted");
  expect(await withGrace(undefined, 200, (late) => wait(1, late))).toBe("done");
});
