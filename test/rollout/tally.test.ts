import { describe, expect, it } from "vitest";
import { Tally } from "../../src/rollout/tally.ts";

const limits = { maxErrorRate: 5, minRequests: 10 };

function tallyOf(...accesses: [upstream: string | undefined, status: number, count: number, tried?: string][]) {
  const tally = new Tally(new Set(["new-1", "new-2"]), limits);
  for (const [upstream, status, count, tried] of accesses) {
    for (let index = 0; index < count; index += 1) tally.add({ site: "shop", upstream, status, duration: 1, tried });
  }
  return tally;
}

describe("what a canary is judged by", () => {
  it.each<[string, ...Parameters<typeof tallyOf>]>([
    ["nothing asked", ["old", 200, 100]],
    ["no errors", ["new-1", 200, 50], ["new-2", 404, 50]],
    ["too few to tell", ["new-1", 500, 9]],
    ["as many errors as there may be", ["new-1", 503, 5], ["new-2", 200, 95]],
    ["the old one is as bad", ["new-1", 500, 20], ["old", 500, 20]],
    ["what the proxy refused itself", ["new-1", 200, 20], [undefined, 503, 20]],
    ["what was asked of the old one in vain", ["new-1", 200, 20], [undefined, 502, 20, "old"]],
  ])("good: %s", (_, ...accesses) => {
    expect(tallyOf(...accesses).worse).toBeUndefined();
  });

  it.each<[string, RegExp, ...Parameters<typeof tallyOf>]>([
    ["all errors", /^10 of 10 answers were errors, of the old release's 0 of 0, where 5% may be$/, ["new-1", 500, 10]],
    ["one too many", /^6 of 100 /, ["new-1", 500, 6], ["new-2", 200, 94]],
    [
      "worse than an old one that is bad",
      /^3 of 10 .*1 of 10/,
      ["new-1", 500, 3],
      ["new-1", 200, 7],
      ["old", 500, 1],
      ["old", 200, 9],
    ],
    ["asked in vain", /^5 of 15 /, ["new-1", 200, 10], [undefined, 504, 5, "new-2"]],
  ])("worse: %s", (_, why, ...accesses) => {
    expect(tallyOf(...accesses).worse).toMatch(why);
  });

  it("says while there are too few answers to judge by", () => {
    expect(tallyOf(["new-1", 500, 9], ["old", 200, 3]).text).toBe(
      "9 of 9 answers were errors, of the old release's 0 of 3; too few to judge by",
    );
    expect(tallyOf(["new-1", 200, 10]).text).toBe("0 of 10 answers were errors, of the old release's 0 of 0");
  });

  it("wakes who waits at the very answer that is one too many, and at the signal", async () => {
    const tally = tallyOf(["new-1", 200, 9]);
    const stop = new AbortController();
    const first = tally.untilWorse(new AbortController().signal);
    tally.add({ site: "shop", upstream: "new-1", status: 500, duration: 1 });
    expect(await first).toMatch(/^1 of 10/);
    const second = tallyOf().untilWorse(stop.signal);
    stop.abort();
    expect(await second).toBeUndefined();
  });
});
