import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { whileAlive } from "../../src/engine/docker/while-alive.ts";

/** Never ends but by its signal. */
function endless(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

const gone = new Error("the engine did not answer");

it("ends what goes on with an engine that gives no sign and does not answer, with its error", async () => {
  let asked = 0;
  const ask = async () => {
    asked += 1;
    throw gone;
  };
  await expect(whileAlive(ask, endless, undefined, 40)).rejects.toBe(gone);
  expect(asked).toBe(1);
});

it("waits for one that answers and is only slow, and asks nothing while there are signs", async () => {
  let asked = 0;
  const ask = async () => {
    asked += 1;
  };
  expect(await whileAlive(ask, () => wait(300, "done"), undefined, 40)).toBe("done");
  expect(asked).toBeGreaterThan(1);
  asked = 0;
  const busy = async (_: AbortSignal, sign: () => void) => {
    for (let step = 0; step < 30; step += 1) {
      await wait(10);
      sign();
    }
  };
  await whileAlive(ask, busy, undefined, 5_000);
  expect(asked).toBe(0);
});

it("ends with the reason of who gives it up, and then asks nobody any more", async () => {
  const stop = new AbortController();
  const reason = new Error("Ctrl-C");
  let asking: AbortSignal | undefined;
  const ask = (signal: AbortSignal) => {
    asking = signal;
    return endless(signal);
  };
  const result = whileAlive(ask, endless, stop.signal, 20);
  await expect.poll(() => asking).toBeDefined();
  stop.abort(reason);
  await expect(result).rejects.toBe(reason);
  expect(asking?.aborted).toBe(true);
});
