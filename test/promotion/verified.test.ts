import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import type { Duration } from "../../src/base/duration.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import type { StageRecord } from "../../src/promotion/record.ts";
import { isRecorded, judgeProofs, releaseBefore } from "../../src/promotion/verified.ts";
import { applied, emptyHost, environment, release, stage } from "../plan/world.ts";

const frame = { timeout: 1, retries: 0, interval: 1, kind: "local", command: ["x"], junit: undefined };
const checked = (...names: string[]) =>
  stage({ verify: { checks: names.map((name) => ({ ...frame, name })) as never, onFailure: "keep" } });

let time = 0;
function record(kind: StageRecord["kind"], name: string | undefined, more: Partial<StageRecord> = {}): StageRecord {
  time += 1;
  return {
    ...{ version: 1, kind, outcome: "succeeded", environment: "shop", stage: "test", from: undefined, hosts: [] },
    release:
      name === undefined
        ? undefined
        : { name, digest: digestOf(name), commit: undefined, dirty: false, fingerprint: name },
    ...{ services: {}, by: "me", at: `t${time}`, reason: undefined },
    ...more,
  };
}

const proof = (name: string, passed: readonly string[], failed: readonly string[] = []) =>
  record("verify", name, {
    outcome: failed.length > 0 ? "failed" : "succeeded",
    reason: failed.length > 0 ? `check ${failed[0]} failed` : undefined,
    checks: [
      ...passed.map((check) => ({ name: check, outcome: "passed" as const, took: 1, tries: 1 })),
      ...failed.map((check) => ({ name: check, outcome: "failed" as const, took: 1, tries: 1 })),
    ],
  });

describe("a release is verified in a stage", () => {
  const change = record("promote", "b");

  it("by its coming there, where the stage has no checks", () => {
    expect(judgeProofs(checked(), change, [])).toEqual({ at: change.at });
  });

  it("once all checks that the stage has now have passed", () => {
    expect(judgeProofs(checked("home"), change, [])).toEqual({
      why: expect.stringMatching(/have not been run since/),
      ran: true,
    });
    const old = proof("b", ["home"]);
    expect(judgeProofs(checked("home"), change, [old])).toEqual({ at: old.at });
    expect(judgeProofs(checked("home", "db"), change, [old])).toEqual({
      why: "a check of the stage has not been run: db",
      ran: true,
    });
  });

  it("since the first of the proofs that passed one after the other", () => {
    const [first, broken, second, third] = [
      proof("b", ["home"]),
      proof("b", [], ["home"]),
      proof("b", ["home"]),
      proof("b", ["home", "db"]),
    ];
    expect(judgeProofs(checked("home"), change, [third, second, broken, first])).toEqual({ at: second.at });
    expect(judgeProofs(checked("home", "db"), change, [third, second])).toEqual({ at: third.at });
    expect(judgeProofs(checked("home"), change, [broken, first])).toEqual({ why: "check home failed", ran: true });
  });
});

describe("a release that came to a stage", () => {
  const standing = (change?: StageRecord) => ({ change, entry: undefined, proofs: [] });
  const { digest } = record("up", "b").release!;

  it("is told by the newest change, and not by one that failed or brought another", () => {
    expect(isRecorded(standing(record("promote", "b")), digest)).toBe(true);
    expect(isRecorded(standing(record("promote", "b", { outcome: "failed" })), digest)).toBe(false);
    expect(isRecorded(standing(record("rollback", "a")), digest)).toBe(false);
    expect(isRecorded(standing(record("down", undefined)), digest)).toBe(false);
  });

  it("is yet to be recorded where nothing is: the very first rollout may have been killed before its last task", () => {
    expect(isRecorded(standing(), digest)).toBe(false);
    const place = stage();
    const task = { name: "warm", command: ["true"], when: "after-switch" as const, timeout: 1 as Duration };
    const wanted = { environment: environment([place], { tasks: [task] }), stage: place, release: release("b") };
    const wish = { ...wanted, pins: {}, secrets: {} };
    const host = applied(emptyHost("a"), planStage(wish, [emptyHost("a")]).hosts[0]!);
    const again = planStage({ ...wish, unrecorded: !isRecorded(standing(), wanted.release.digest) }, [host]);
    expect(again.tasks.map(({ task: { name } }) => name)).toEqual(["warm"]);
  });
});

describe("the release to go back to", () => {
  const goesBackTo = async (name: string, ...oldestFirst: StageRecord[]) => {
    const ledger = {
      async *entries() {
        for (const one of oldestFirst.toReversed()) yield { record: one };
      },
    };
    const found = await releaseBefore(ledger as never, digestOf(name), new AbortController().signal);
    return found?.name;
  };
  const [a, b, vBad] = [record("promote", "a"), record("promote", "b"), proof("b", [], ["home"])];

  it("is the last that ran before the one whose checks fail", async () => {
    expect(await goesBackTo("b", a, b, vBad)).toBe("a");
    expect(await goesBackTo("b", a, record("promote", "c", { outcome: "failed" }), b, vBad)).toBe("a");
    expect(await goesBackTo("b", a, b, vBad, record("rollback", "a"), b, vBad)).toBe("a");
    // The same command again after it was killed in the midst.
    expect(await goesBackTo("b", a, b, vBad, b, vBad)).toBe("a");
  });

  it("is none where there was none, and where the release was verified there before its checks failed", async () => {
    expect(await goesBackTo("b", b, vBad)).toBeUndefined();
    expect(await goesBackTo("b", a, record("down", undefined), b, vBad)).toBeUndefined();
    expect(await goesBackTo("b", record("up", "a", { dev: "" }), b, vBad)).toBeUndefined();
    expect(await goesBackTo("b", a, b, proof("b", ["home"]), record("up", "b"), vBad)).toBeUndefined();
    expect(await goesBackTo("b", b, proof("b", ["home"]), a, b, vBad)).toBe("a");
  });
});
