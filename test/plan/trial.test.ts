import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { Rollout, Stage } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { type StagePlan, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { trialOf } from "../../src/plan/trial.ts";
import { applied, apply, emptyHost, environment, release, rollout, stage, stageProxy } from "./world.ts";

const names = ["a", "b"];

function placeOf(strategy: Rollout["strategy"], weights: readonly number[] = []): Stage {
  return stage({
    hosts: names.map((name) => ({ kind: "local", name })),
    proxy: stageProxy({ domains: ["shop.test"] }),
    rollout: rollout({
      strategy,
      canary: { weights, hosts: 1, bake: 60_000 as Duration, maxErrorRate: 1, minRequests: 1 },
    }),
  });
}

function planOf(place: Stage, name: string, hosts: readonly ObservedHost[], asItRanThen = false): StagePlan {
  const wanted = { environment: environment([place]), stage: place, release: release(name), pins: {}, secrets: {} };
  return planStage({ ...wanted, asItRanThen }, hosts);
}

/** The hosts after these releases, one after the other. */
function ran(place: Stage, ...releases: readonly string[]): readonly ObservedHost[] {
  return releases.reduce<readonly ObservedHost[]>((hosts, name) => {
    const plan = planOf(place, name, hosts);
    return hosts.map((host, index) => applied(host, plan.hosts[index]!));
  }, names.map(emptyHost));
}

/** What is tried of a plan, and what is said of that. */
function tried(place: Stage, { hosts, notes }: StagePlan) {
  const trial = trialOf(hosts, place.rollout);
  return [trial?.by, trial?.hosts.map(({ host }) => host), notes.filter((note) => note.startsWith("canary"))];
}

const ways = [
  ["requests", [10], ["a", "b"]],
  ["hosts", [], ["a"]],
] as const;

describe("a canary", () => {
  it.each(ways)(
    "by %s is what comes where another release runs, and no other strategy has one",
    (by, weights, hosts) => {
      const place = placeOf("canary", weights);
      expect(tried(place, planOf(place, "two", ran(place, "one")))).toEqual([by, hosts, [expect.any(String)]]);
      expect(tried(place, planOf(place, "one", ran(place)))).toEqual([undefined, undefined, []]);
      const rolling = placeOf("rolling");
      expect(tried(rolling, planOf(rolling, "two", ran(rolling, "one")))).toEqual([undefined, undefined, []]);
    },
  );

  it("by requests is none where a killed command had switched them, or the one before merely stands by", () => {
    const place = placeOf("canary", [10]);
    const hosts = ran(place, "one");
    const plan = planOf(place, "two", hosts);
    const killed = hosts.map((host, index) => {
      const { prepare, start, trial, switch: switched } = plan.hosts[index]!;
      return [...prepare, ...start, ...trial.flat(), ...switched].reduce(apply, host);
    });
    for (const left of [killed, ran(placeOf("blue-green"), "one", "two")]) {
      const again = planOf(place, "two", left);
      expect(again.hosts.map(({ retire }) => retire.length)).toEqual([2, 2]);
      expect(tried(place, again)).toEqual([undefined, undefined, []]);
    }
  });

  it.each(ways)("by %s is not what comes back: clients of a bad release wait for no trial", (_, weights) => {
    const place = placeOf("canary", weights);
    const hosts = ran(place, "one", "two");
    const back = planOf(place, "one", hosts, true);
    expect(tried(place, back)).toEqual([undefined, undefined, []]);
    for (const plan of back.hosts) {
      const routes = stepsOf(plan).filter((step) => step.kind === "route");
      expect(routes.map(({ site }) => site?.canary)).toEqual([undefined]);
    }
  });
});
