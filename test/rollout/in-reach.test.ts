import { expect, it } from "vitest";
import type { Clock } from "../../src/base/clock.ts";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { untilInReach } from "../../src/rollout/in-reach.ts";

const away = new EnvctlError({
  code: "host-timeout",
  exitCode: ExitCode.unreachable,
  what: "the host does not answer",
});
const refused = new EnvctlError({ code: "engine-refused", exitCode: ExitCode.failed, what: "no" });
const { signal } = new AbortController();

/** Work that fails so, once for each error, and then is done; and what was waited and told meanwhile. */
function world(...errors: readonly unknown[]) {
  const left = [...errors];
  const told: unknown[] = [];
  let waits = 0;
  const clock: Clock = {
    now: () => new Date(0),
    wait: async () => {
      waits += 1;
    },
  };
  const work = async () => {
    if (left.length > 0) throw left.shift();
    return "done";
  };
  return { work, clock, told, waits: () => waits };
}

it("tries again while the host does not answer, and tells each time", async () => {
  const { work, clock, told, waits } = world(away, away);
  const tell = (error: unknown) => {
    told.push(error);
    return Number.POSITIVE_INFINITY;
  };
  expect(await untilInReach(work, { tell, clock, signal })).toBe("done");
  expect([told, waits()]).toEqual([[away, away], 2]);
});

it("gives up when its time is over", async () => {
  const { work, clock, waits } = world(away, away, away);
  const ends = [Number.POSITIVE_INFINITY, 0];
  const trying = untilInReach(work, { tell: () => ends.shift() ?? 0, clock, signal });
  await expect(trying).rejects.toBe(away);
  expect(waits()).toBe(1);
});

it("does not try again what the host has refused, nor after an interruption", async () => {
  const tell = () => Number.POSITIVE_INFINITY;
  const first = world(refused);
  await expect(untilInReach(first.work, { tell, clock: first.clock, signal })).rejects.toBe(refused);
  const second = world(away);
  const aborted = AbortSignal.abort();
  await expect(untilInReach(second.work, { tell, clock: second.clock, signal: aborted })).rejects.toBe(away);
  expect([first.waits(), second.waits()]).toEqual([0, 0]);
});
