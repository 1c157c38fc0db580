import { expect, it } from "vitest";
import { planStage } from "../../src/plan/plan-stage.ts";
import { servingApp } from "../../src/plan/serving.ts";
import { hostStatus } from "../../src/plan/status.ts";
import { applied, emptyHost, environment, port, release, rollout, stage, stageProxy } from "./world.ts";

const place = stage({ proxy: stageProxy({ ports: [port] }), rollout: rollout({ strategy: "blue-green" }) });
const planOf = (name: string, host = emptyHost("a"), asItRanThen = false) =>
  planStage(
    { environment: environment([place]), stage: place, release: release(name), pins: {}, secrets: {}, asItRanThen },
    [host],
  ).hosts[0]!;
const serving = (host: ReturnType<typeof emptyHost>) =>
  servingApp(host, { environment: "shop", stage: "test" }).map(({ labels }) => labels["envctl.release"]);

it("is what the proxy leads to, whatever else runs, and everything where it leads to nobody", () => {
  const one = applied(emptyHost("a"), planOf("one"));
  const two = applied(one, planOf("two", one));
  expect(two.containers.filter(({ state }) => state === "running")).toHaveLength(2);
  expect(serving(two)).toEqual(["two"]);
  const back = applied(two, planOf("one", two, true));
  expect(serving(back)).toEqual(["one"]);
  expect(serving({ ...back, proxies: [] })).toEqual(["two", "one"]);
  expect(serving(emptyHost("a"))).toEqual([]);
});

it("is what `status` holds against the release that should run, though what stands by is newer", () => {
  const one = applied(emptyHost("a"), planOf("one"));
  const two = applied(one, planOf("two", one));
  const back = applied(two, planOf("one", two, true));
  const statusOf = (host: ReturnType<typeof emptyHost>, name: string) => {
    const facts = { environment: environment([place]), stage: place, release: release(name), pins: {}, secrets: {} };
    const { containers } = hostStatus(facts, host, true, new Map());
    return containers.map(({ role, release, standby, drift }) => [role, release, standby, drift.length]);
  };
  expect(statusOf(two, "two")).toEqual([
    ["app", "two", false, 0],
    ["app", "one", true, 0],
    ["proxy", "two", false, 0],
  ]);
  expect(statusOf(back, "one")).toEqual([
    ["app", "one", false, 0],
    ["app", "two", true, 0],
    ["proxy", "one", false, 0],
  ]);
});
