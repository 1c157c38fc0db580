import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Stage, Worker } from "../../src/environment/model.ts";
import { type ObservedHost, roleOf, workloadOf } from "../../src/plan/observed.ts";
import { isEmpty, type StagePlan, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import {
  applied,
  emptyHost,
  environment,
  release,
  rollout,
  running,
  service,
  stage,
  undone,
  workload,
} from "./world.ts";

const [one, two] = [release("one"), release("two")];

function worker(name: string, overrides: Partial<Worker> = {}): Worker {
  return {
    ...workload({ name, port: undefined, imageHealth: false, command: ["work", name] }),
    place: "all",
    ...overrides,
  };
}

const configuration = fc.record({
  release: fc.constantFrom(one, two, release("three")),
  strategy: fc.constantFrom("rolling" as const, "blue-green" as const, "recreate" as const),
  workers: fc.uniqueArray(
    fc.record({ name: fc.constantFrom("mail", "cron"), replicas: fc.integer({ min: 1, max: 2 }) }),
    { selector: ({ name }) => name },
  ),
  keep: fc.integer({ min: 0, max: 2 }),
  rollback: fc.boolean(),
  interruptedAfter: fc.nat(20),
});
type Configuration = typeof configuration extends fc.Arbitrary<infer Value> ? Value : never;

function planOf(entry: Configuration, hosts: readonly ObservedHost[]): StagePlan {
  const { strategy, keep } = entry;
  const place = stage({
    workers: entry.workers.map(({ name, replicas }) => worker(name, { replicas })),
    rollout: rollout({ strategy, keep }),
  });
  const wanted = { environment: environment([place]), stage: place, pins: {}, secrets: {} };
  return planStage({ ...wanted, release: entry.release, asItRanThen: entry.rollback }, hosts);
}

/** `mail one`: what runs of the workers, and by which release. */
function working(host: ObservedHost): string[] {
  return running(host, "worker")
    .map((container) => `${workloadOf(container)} ${container.labels["envctl.release"]}`)
    .sort();
}

const wantedOf = ({ workers, release: { name: version } }: Configuration) =>
  workers.flatMap(({ name, replicas }) => Array.from({ length: replicas }, () => `${name} ${version}`)).sort();

describe("workers", () => {
  it("run the app's release, all of them and nothing else, after any history of interrupted rollouts", () => {
    fc.assert(
      fc.property(fc.array(configuration, { maxLength: 5 }), configuration, (history, last) => {
        let host = emptyHost("a");
        for (const entry of history)
          host = applied(host, planOf(entry, [host]).hosts[0] as never, entry.interruptedAfter);
        host = applied(host, planOf(last, [host]).hosts[0] as never);
        expect(working(host)).toEqual(wantedOf(last));
        expect(isEmpty(planOf(last, [host]))).toBe(true);
        const orphans = host.containers.filter(
          (container) =>
            roleOf(container) === "worker" && !last.workers.some(({ name }) => name === workloadOf(container)),
        );
        expect(orphans).toEqual([]);
        const kept = host.containers.filter(
          (container) => roleOf(container) === "worker" && container.labels["envctl.digest"] !== last.release.digest,
        );
        expect(new Set(kept.map(({ labels }) => labels["envctl.digest"])).size).toBeLessThanOrEqual(last.keep);
      }),
      { numRuns: 200 },
    );
  });

  it("go back with the app", () => {
    fc.assert(
      fc.property(configuration, configuration, fc.nat(20), (before, after, steps) => {
        const empty = emptyHost("a");
        const served = applied(empty, planOf(before, [empty]).hosts[0] as never);
        const plan = planOf(after, [served]).hosts[0]!;
        const done = [...plan.start, ...plan.switch, ...plan.retire].slice(0, steps);
        const prepared = applied(served, { ...plan, start: [], trial: [], switch: [], retire: [], tidy: [] });
        const broken = applied(prepared, {
          ...plan,
          ...{ prepare: [], trial: [], tidy: [], start: done, switch: [], retire: [] },
        });
        const back = [...done].reverse().reduce(undone, broken);
        expect(working(back)).toEqual(working(served));
      }),
    );
  });

  it("start before clients come to the new release, and the old ones go on until they have", () => {
    const first: Configuration = {
      ...{ release: one, strategy: "rolling", workers: [{ name: "mail", replicas: 1 }] },
      ...{ keep: 1, rollback: false, interruptedAfter: 0 },
    };
    const host = applied(emptyHost("a"), planOf(first, [emptyHost("a")]).hosts[0] as never);
    const plan = planOf({ ...first, release: two }, [host]).hosts[0]!;
    const kinds = (steps: readonly { readonly kind: string }[]) => steps.map(({ kind }) => kind);
    expect(kinds(plan.start)).toEqual(["create", "create", "start", "start", "wait-healthy", "wait-healthy"]);
    expect(plan.start[0]).toMatchObject({ container: { role: "worker", spec: { healthcheck: "none" } } });
    expect(plan.retire.at(-1)).toMatchObject({ kind: "stop", container: { name: "shop-test-mail-one-1" } });
  });

  it("and services leave nothing behind where one comes that has the name of the other", () => {
    const places = [stage({ services: [service("mail")] }), stage({ workers: [worker("mail")] })];
    const planned = (place: Stage, host: ObservedHost) =>
      planStage(
        { environment: environment([place]), stage: place, release: one, pins: { mail: two.digest }, secrets: {} },
        [host],
      ).hosts[0]!;
    for (const [first, second] of [places, [...places].reverse()]) {
      const before = applied(emptyHost("a"), planned(first!, emptyHost("a")));
      const plan = planned(second!, before);
      const host = applied(before, plan);
      const left = running(host, second!.services.length > 0 ? "worker" : "service");
      expect([left, plan.changes]).toEqual([[], ["mail: ends, the environment file no longer has it"]]);
      expect(stepsOf(planned(second!, host))).toEqual([]);
    }
  });

  it("that must run but once run on the first host", () => {
    const place = stage({
      hosts: ["a", "b"].map((name) => ({ kind: "local", name })),
      workers: [worker("cron", { place: "first" }), worker("mail")],
    });
    const hosts = [emptyHost("a"), emptyHost("b")];
    const wanted = { environment: environment([place]), stage: place, release: one, pins: {}, secrets: {} };
    const plan = planStage(wanted, hosts);
    expect(hosts.map((host, index) => working(applied(host, plan.hosts[index]!)))).toEqual([
      ["cron one", "mail one"],
      ["mail one"],
    ]);
  });
});
