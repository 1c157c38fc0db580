import { describe, expect, it } from "vitest";
import type { Rollout } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import type { HostPlan, StagePlan } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { hostStatus } from "../../src/plan/status.ts";
import {
  applied,
  digestsRunning,
  emptyHost,
  environment,
  kinds,
  release,
  rollout,
  running,
  stage,
  stageProxy,
  workload,
} from "./world.ts";

interface Version {
  readonly release: string;
  readonly replicas: number;
  readonly level?: string;
  readonly rollback?: boolean;
  readonly strategy?: Rollout["strategy"] | undefined;
}

function wanted({ strategy = "rolling", level = "info", ...version }: Version) {
  const place = stage({
    app: workload({ replicas: version.replicas, env: { LEVEL: level } }),
    proxy: stageProxy({ domains: ["shop.test"] }),
    rollout: rollout({ strategy }),
  });
  const which = { environment: environment([place]), stage: place, release: release(version.release), pins: {} };
  return { ...which, secrets: {}, asItRanThen: version.rollback ?? false };
}

function planOf(version: Version, host: ObservedHost): StagePlan {
  return planStage(wanted(version), [host]);
}

function hostOf(plan: StagePlan): HostPlan {
  return plan.hosts[0]!;
}

/** One replica, to which a second one was added by `up`: that is of a later generation. */
function grown(strategy?: Rollout["strategy"]): ObservedHost {
  return [1, 2].reduce(
    (host, replicas) => applied(host, hostOf(planOf({ release: "one", replicas, strategy }, host))),
    emptyHost("a"),
  );
}

describe("replicas that were added later", () => {
  it("are kept for a rollback with the others, and come back with them as they ran then", () => {
    const before = grown();
    const next = { release: "two", replicas: 2, level: "debug" };
    const host = applied(before, hostOf(planOf(next, before)));
    const back = planOf({ ...next, release: "one", rollback: true }, host);
    expect(kinds(back)).not.toContain("create");
    const levels = running(applied(host, hostOf(back))).map(({ env }) => env.LEVEL);
    expect(levels).toEqual(["info", "info"]);
  });

  it("go on serving until a blue-green switch, and stand by with the others then", () => {
    const next: Version = { release: "two", replicas: 2, strategy: "blue-green" };
    const before = grown("blue-green");
    const plan = planOf(next, before);
    expect(hostOf(plan).standDown).toEqual([]);
    const host = applied(before, hostOf(plan));
    expect(digestsRunning(host)).toHaveLength(4);
    expect(kinds(planOf(next, host))).toEqual([]);
    const { containers } = hostStatus(wanted(next), host, true, new Map());
    expect(containers.map(({ standby, drift }) => [standby, drift.length])).toEqual([
      [false, 0],
      [false, 0],
      [true, 0],
      [true, 0],
      [false, 0],
    ]);
    const third = hostOf(planOf({ ...next, release: "three" }, host));
    expect(third.standDown.map((step) => step.kind === "stop" && step.container.name)).toEqual([
      "shop-test-app-one-2-2",
      "shop-test-app-one-1",
    ]);
  });

  it("end with `replicas`, under blue-green as well, and what stands by goes on standing by", () => {
    const grownTwo: Version = { release: "two", replicas: 2, strategy: "blue-green" };
    const before = [{ ...grownTwo, release: "one" }, grownTwo].reduce(
      (host, version) => applied(host, hostOf(planOf(version, host))),
      emptyHost("a"),
    );
    const plan = planOf({ ...grownTwo, replicas: 1 }, before);
    expect(kinds(plan)).toEqual(["wait-healthy", "route", "drain", "stop", "remove"]);
    const names = running(applied(before, hostOf(plan))).map(({ name }) => name);
    expect(names).toEqual(["shop-test-app-one-1-1", "shop-test-app-one-1-2", "shop-test-app-two-2-1"]);
  });
});
