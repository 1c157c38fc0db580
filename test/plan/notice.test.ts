import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { Health, Stage } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { describePlan } from "../../src/plan/words.ts";
import {
  applied,
  emptyHost,
  environment,
  port,
  release,
  rollout,
  service,
  stage,
  stageProxy,
  workload,
} from "./world.ts";

const pins = { db: release("db").digest };

function planOf(place: Stage, name: string, hosts = place.hosts.map(({ name: host }) => emptyHost(host)), wanted = {}) {
  const wish = {
    environment: environment([place]),
    stage: place,
    release: release(name),
    pins,
    secrets: {},
    ...wanted,
  };
  return planStage(wish, hosts);
}

/** The plan that brings `two` to where `one` runs as `before` has it. */
function change(before: Stage, after = before, name = "two", wanted = {}) {
  const first = planOf(before, "one");
  const hosts = before.hosts.map(({ name: host }, index) => applied(emptyHost(host), first.hosts[index]!));
  return planOf(after, name, hosts, wanted);
}

const health: Health = { kind: "tcp", port: 8080, interval: 500 as Duration, timeout: 1000 as Duration, retries: 10 };
const published = stage({
  ports: [port],
  app: workload({ ports: [port], health }),
  rollout: rollout({ timeout: 60_000 as Duration }),
});
const proxied = stage({ proxy: stageProxy({ domains: ["shop.test"] }) });

describe("what users notice", () => {
  it("is nothing of a first release, of no change, and where old and new run side by side", () => {
    expect(planOf(proxied, "one").notice).toEqual({
      noticed: false,
      sentence: "users notice nothing: nothing runs there yet",
      hosts: [],
    });
    expect(change(proxied, proxied, "one").notice.sentence).toBe("users notice nothing: nothing changes");
    expect(change(proxied).notice.sentence).toMatch(
      /^users notice nothing: the new starts beside the old, and takes over/,
    );
    expect(change(stage()).notice.sentence).toMatch(/^users notice nothing: nothing of it is published/);
  });

  it("is a gap where old and new cannot run side by side: how long, where, why", () => {
    const two = { ...published, hosts: [...published.hosts, { kind: "local", name: "b" } as const] };
    expect(change(two).notice).toEqual({
      noticed: true,
      sentence: "users notice a gap of about 500ms (at most 15s) on a, b, because they share a published port",
      hosts: ["a", "b"].map((host) => ({ host, why: "they share a published port", atLeast: 500, atMost: 15_000 })),
    });
    const recreate = stage({ proxy: proxied.proxy, rollout: rollout({ strategy: "recreate" }) });
    expect(change(recreate).notice.sentence).toMatch(
      /about 1s \(at most 10s\) on a, because `strategy: recreate` asks for it/,
    );
  });

  it("is a service that is replaced, and what asks it", () => {
    const db = service("db", { stop: { signal: undefined, grace: 3000 as Duration } });
    const before = stage({ services: [db] });
    const after = stage({ services: [{ ...db, env: { X: "1" } }] });
    expect(change(before, after, "one").notice).toMatchObject({
      noticed: true,
      sentence: expect.stringMatching(/on a, because service db is replaced, and what asks it waits or fails$/),
    });
  });

  it("is told beside what changes on each host", () => {
    const after = { ...proxied, app: workload({ env: { LEVEL: "debug", API_TOKEN: "hunter2" }, replicas: 2 }) };
    const plan = change({ ...proxied, app: workload({ env: { LEVEL: "info" } }) }, after);
    expect(plan.hosts[0]?.changes).toEqual([
      "app: release one → two",
      "app: env LEVEL info → debug",
      "app: env API_TOKEN unset → <masked>",
      "app: replicas 1 → 2",
    ]);
    expect(JSON.stringify(describePlan(plan))).not.toMatch(/hunter2/);
    expect(change(proxied, proxied, "one").hosts[0]?.changes).toEqual([]);
    const back = change({ ...proxied, app: workload({ env: { LEVEL: "info" } }) }, after, "two", { asItRanThen: true });
    expect(back.hosts[0]?.changes).toEqual(["app: release one → two", "app: replicas 1 → 2"]);
    const worker = { ...workload({ name: "queue" }), place: "all" as const };
    expect(change({ ...proxied, workers: [worker] }, proxied).hosts[0]?.changes).toEqual([
      "app: release one → two",
      "queue: ends, the environment file no longer has it",
    ]);
  });

  it("is told against what clients have, whatever stands by, and whenever its replicas came", () => {
    const place = { ...proxied, rollout: rollout({ strategy: "blue-green" }) };
    const next = (host: ObservedHost, name: string, as: Stage, wanted = {}) =>
      applied(host, planOf(as, name, [host], wanted).hosts[0]!);
    const two = next(next(emptyHost("a"), "one", place), "two", place);
    const back = next(two, "one", place, { asItRanThen: true });
    expect(planOf(place, "three", [back]).hosts[0]?.changes).toEqual(["app: release one → three"]);
    expect(planOf(place, "two", [back]).hosts[0]?.changes).toEqual(["app: release one → two"]);
    const grown = { ...proxied, app: workload({ replicas: 2 }) };
    const both = next(next(emptyHost("a"), "one", proxied), "one", grown);
    expect(planOf(grown, "two", [both]).hosts[0]?.changes).toEqual(["app: release one → two"]);
    expect(planOf(proxied, "two", [both]).hosts[0]?.changes).toEqual(["app: release one → two", "app: replicas 2 → 1"]);
  });

  it("is told of what runs on the first host alone where another is the first", () => {
    const [a, b] = [{ kind: "local", name: "a" } as const, { kind: "local", name: "b" } as const];
    const queue = { ...workload({ name: "queue" }), place: "first" as const };
    const before = stage({ hosts: [a, b], services: [service("db")], workers: [queue] });
    const first = planOf(before, "one");
    const up = ["a", "b"].map((host, index) => applied(emptyHost(host), first.hosts[index]!)).reverse();
    const plan = planOf({ ...before, hosts: [b, a] }, "one", up);
    expect(plan.hosts[1]?.changes).toEqual(["db: ends, it runs on b alone", "queue: ends, it runs on b alone"]);
    const words = describePlan(plan).join("\n");
    expect(words).toMatch(/remove shop-test-db-\S+ \(it runs on b alone\)/);
    expect(words).not.toMatch(/environment file/);
    const without = planOf(stage({ hosts: [b, a] }), "one", up);
    expect(without.hosts[1]?.changes).toEqual([
      "db: ends, the environment file no longer has it",
      "queue: ends, the environment file no longer has it",
    ]);
  });

  it("is told beside hooks and gates", () => {
    const around = {
      hooks: ["before-deploy", "after-deploy"],
      gates: [
        { gate: "verified", open: true, found: "by test" },
        { gate: "soak", open: false, found: "ran 10m of 1h", opensAt: "2026-01-01T10:00:00Z" },
        { gate: "approvals", open: false, found: "0 of 1", missing: "envctl approve prod" },
      ],
    };
    const lines = describePlan(change(proxied), around);
    expect(lines.slice(1, 5)).toEqual([
      "  gate verified is open: by test",
      "  gate soak is closed: ran 10m of 1h",
      "  gate approvals is closed: 0 of 1; envctl approve prod",
      "  before anything is touched: run hook before-deploy",
    ]);
    expect(lines.at(-1)).toBe("  when all is done: run hook after-deploy");
  });
});
