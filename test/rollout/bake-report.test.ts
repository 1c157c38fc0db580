import { expect, it } from "vitest";
import { Progress, type ProgressEvent } from "../../src/base/progress.ts";
import { reportBake } from "../../src/rollout/bake-report.ts";

async function bakeFor(duration: number) {
  const events: ProgressEvent[] = [];
  const waited: number[] = [];
  await new Progress((event) => events.push(event)).step("watch", (progress) =>
    reportBake({
      duration,
      tally: { text: "0 of 7 answers were errors" },
      clock: { now: () => new Date(0), wait: async (pause) => void waited.push(pause) },
      progress,
      signal: new AbortController().signal,
    }),
  );
  const of = <Type extends ProgressEvent["type"]>(type: Type) =>
    events.filter((event): event is Extract<ProgressEvent, { type: Type }> => event.type === type);
  return {
    waited,
    updates: of("step-updated"),
    lines: of("step-output").map(({ line }) => line),
    done: of("step-done")[0]?.note,
  };
}

it("a bake tells each second how far it is, and a log four times at most", async () => {
  const minute = await bakeFor(60_000);
  expect(minute.updates).toHaveLength(60);
  expect(minute.updates[30]?.text).toBe("50%, 30s left: 0 of 7 answers were errors");
  expect(minute.lines).toEqual([25, 50, 75].map((percent) => expect.stringMatching(new RegExp(`^${percent}%, `))));
  expect(minute.done).toBe("0 of 7 answers were errors in 1m");
  expect((await bakeFor(3_600_000)).lines).toHaveLength(3);
});

it("a short bake puts nothing in a log, and lasts as long as it should", async () => {
  const short = await bakeFor(2500);
  expect(short.lines).toEqual([]);
  expect(short.waited).toEqual([1000, 1000, 500]);
});
