import { describe, expect, it } from "vitest";
import { hostsSince, type LastHosts, type PresentHost } from "../../src/plan/former-hosts.ts";
import { isEmpty } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { describePlan } from "../../src/plan/words.ts";
import { applied, emptyHost, environment, release, stage } from "./world.ts";

const at = "2026-01-01T12:00:00Z";
const minutes = (count: number) => new Date(Date.parse(at) + count * 60_000);
const last = (ran: readonly string[], had = ran): LastHosts => ({ ran, had, at });
const empty = (name: string): PresentHost => ({ name, containers: [] });
/** It had the stage's containers before the history was last written. */
const ran = (name: string): PresentHost => ({ name, containers: [{ createdAt: minutes(-5) }] });

describe("a host that a stage has no more", () => {
  it("is one on which it ran, and which the file does not name", () => {
    expect(hostsSince(last(["a", "b"]), [ran("a")])).toEqual({ former: ["b"], kept: ["a"] });
    expect(hostsSince(last(["a", "b"]), [ran("a"), ran("b")])).toEqual({ former: [], kept: ["a", "b"] });
  });

  it("is none of a stage without a history", () => {
    expect(hostsSince(undefined, [ran("a")])).toEqual({ former: [], kept: [] });
  });

  it("is told of beside a new one, on which nothing ran yet", () => {
    expect(hostsSince(last(["a"]), [empty("b")])).toEqual({ former: ["a"], kept: [] });
  });

  it("is told of where a rollout to a new one was killed, or failed", () => {
    const begun = { name: "b", containers: [{ createdAt: minutes(10) }] };
    expect(hostsSince(last(["a"]), [begun]).former).toEqual(["a"]);
    expect(hostsSince(last(["a"], ["b"]), [ran("b")]).former).toEqual(["a"]);
  });

  it.each([
    ["local", "unix:///var/run/docker.sock"],
    ["ssh://ada@test1", "ssh://test1:22"],
    ["ssh://test1", "ssh://test1.example.com"],
    ["local", "context://default"],
  ])("is not %s, which is called %s now", (before, now) => {
    expect(hostsSince(last([before]), [ran(now)])).toEqual({ former: [], kept: [now] });
  });

  it("is told of beside one that has another name now, where it cannot be that one", () => {
    expect(hostsSince(last(["ssh://ada@test1", "local"]), [ran("ssh://test1")]).former).toEqual(["local"]);
    expect(hostsSince(last(["ssh://old", "local"]), [ran("ssh://new")]).former).toEqual([]);
  });

  it("is not told of where a new one does not tell what it has", () => {
    expect(hostsSince(last(["a"]), [{ name: "b", containers: undefined }]).former).toEqual([]);
  });
});

describe("a plan", () => {
  const place = stage();
  const wanted = { environment: environment([place]), stage: place, release: release("one"), pins: {}, secrets: {} };
  const up = applied(emptyHost("a"), planStage(wanted, [emptyHost("a")]).hosts[0]!);
  const note = "b no longer belongs to test, and nobody took down what ran there: envctl down test --host b";

  it("tells of a former host although there is nothing to do", () => {
    const plan = planStage({ ...wanted, last: last(["a", "b"]) }, [up]);
    expect(isEmpty(plan)).toBe(true);
    expect([plan.formerHosts, plan.notes]).toEqual([["b"], [note]]);
    expect(describePlan(plan)).toEqual([expect.stringMatching(/: nothing to do$/), `  note: ${note}`]);
  });

  it("tells of it once where there is something to do", () => {
    const plan = planStage({ ...wanted, release: release("two"), last: last(["a", "b"]) }, [up]);
    expect(describePlan(plan).filter((line) => line.includes("no longer belongs"))).toEqual([`  note: ${note}`]);
  });
});
