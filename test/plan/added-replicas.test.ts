import { describe, expect, it } from "vitest";
import type { Rollout } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import type { HostPlan } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import {
  applied,
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
  readonly strategy?: Rollout["strategy"];
}

function planOf({ strategy = "rolling", level = "info", ...version }: Version, host: ObservedHost) {
  const place = stage({
    app: workload({ replicas: version.replicas, env: { LEVEL: level } }),
    proxy: stageProxy({ domains: ["shop.test"] }),
    rollout: rollout({ strategy }),
  });
  const wanted = { environment: environment([place]), stage: place, release: release(version.release), pins: {} };
  return planStage({ ...wanted, secrets: {}, asItRanThen: version.rollback ?? false }, [host]);
}

function hostOf(plan: ReturnType<typeof planOf>): HostPlan {
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
});
