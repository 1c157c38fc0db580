import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { timeLimit } from "../../src/base/time-limit.ts";

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
