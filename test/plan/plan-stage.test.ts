import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import type { Duration } from "../../src/base/duration.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { isEmpty, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import {
  applied,
  apply,
  digestsRunning,
  emptyHost,
  environment,
  kinds,
  port,
  release,
  rollout,
  running,
  service,
  stage,
  stageProxy,
  undone,
  workload,
} from "./world.ts";

const one = release("one");
const two = release("two");

function want(place = stage(), which = one, extra = {}) {
  return { environment: environment([place]), stage: place, release: which, pins: {}, secrets: {}, ...extra };
}

describe("the plan for a stage", () => {
  it("brings an empty host up", () => {
    const plan = planStage(want(), [emptyHost("a")]);
    expect(kinds(plan)).toEqual(["pull", "network", "create", "start", "wait-healthy"]);
    expect(digestsRunning(applied(emptyHost("a"), plan.hosts[0]!))).toEqual([one.digest]);
  });

  it("does nothing where everything is as wanted", () => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    expect(isEmpty(planStage(want(), [up]))).toBe(true);
  });

  it("starts the new beside the old where no port is shared, and stops the old last", () => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    const plan = planStage(want(stage(), two), [up]);
    expect(kinds(plan)).toEqual(["pull", "create", "start", "wait-healthy", "stop"]);
    expect(plan.hosts[0]!.gap).toBe(false);
  });

  it("stops the old before it starts the new where they share a published port, and says that this is a gap", () => {
    const place = stage({ app: workload({ ports: [port] }) });
    const up = applied(emptyHost("a"), planStage(want(place), [emptyHost("a")]).hosts[0]!);
    const plan = planStage(want(place, two), [up]);
    expect(kinds(plan)).toEqual(["pull", "create", "stop", "start", "wait-healthy"]);
    expect(plan.hosts[0]!.gap).toBe(true);
    expect(plan.notes.join()).toMatch(/away/);
  });

  it("replaces a container whose image is not what its label says", () => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    const tampered = {
      ...up,
      containers: up.containers.map((container) => ({ ...container, imageId: digestOf("another") })),
    };
    expect(kinds(planStage(want(), [tampered]))).toContain("create");
  });

  it("replaces a container that was changed by hand", () => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    const changed = { ...up, containers: up.containers.map((container) => ({ ...container, memory: 1 })) };
    expect(kinds(planStage(want(), [changed]))).toContain("create");
  });

  it("knows what served last, after a kill between its stop and the start of the next, and can go back to it", () => {
    const place = stage({ rollout: rollout({ strategy: "recreate" }) });
    const plans = (name: typeof one, host: ObservedHost) => planStage(want(place, name), [host]).hosts[0]!;
    let host = [one, two].reduce((found, name) => applied(found, plans(name, found)), emptyHost("a"));
    // What serves need not be the newest.
    host = applied(host, planStage(want(place, one, { asItRanThen: true }), [host]).hosts[0]!);
    const served = running(host).map(({ name }) => name);
    const killed = plans(release("three"), host);
    host = applied(
      host,
      killed,
      stepsOf(killed).findIndex(({ kind }) => kind === "start"),
    );
    expect(running(host)).toEqual([]);
    const again = plans(release("three"), host);
    const begun = [...again.start, ...again.switch];
    const undoneAgain = [...begun].reverse().reduce(undone, begun.reduce(apply, host));
    expect(running(undoneAgain).map(({ name }) => name)).toEqual(served);
  });

  it("starts again what was stopped by hand", () => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    const stopped = {
      ...up,
      containers: up.containers.map((container) => ({ ...container, state: "exited" as const })),
    };
    expect(kinds(planStage(want(), [stopped]))).toEqual(["start", "wait-healthy"]);
  });

  it("rolls back by starting the container it kept, whatever configuration that had", () => {
    const first = stage({ app: workload({ env: { LEVEL: "a" } }) });
    const second = stage({ app: workload({ env: { LEVEL: "b" } }) });
    let host = applied(emptyHost("a"), planStage(want(first), [emptyHost("a")]).hosts[0]!);
    host = applied(host, planStage(want(second, two), [host]).hosts[0]!);
    const plan = planStage(want(second, one, { asItRanThen: true }), [host]);
    expect(kinds(plan)).toEqual(["start", "wait-healthy", "stop"]);
    expect(running(applied(host, plan.hosts[0]!)).map((container) => container.env.LEVEL)).toEqual(["a"]);
  });

  it("keeps the last releases for rollback and removes older ones", () => {
    let host = emptyHost("a");
    for (const name of ["1", "2", "3", "4", "5"])
      host = applied(host, planStage(want(stage(), release(name)), [host]).hosts[0]!);
    expect(host.containers.filter((container) => container.state === "exited")).toHaveLength(2);
    expect(isEmpty(planStage(want(stage(), release("5")), [host]))).toBe(true);
  });

  it("runs a service on the first host alone, and removes one that the file no longer names", () => {
    const hosts = [
      { kind: "local" as const, name: "a" },
      { kind: "local" as const, name: "b" },
    ];
    const place = stage({ hosts, services: [service("db")] });
    const pins = { db: digestOf("db") };
    const plan = planStage(want(place, one, { pins }), [emptyHost("a"), emptyHost("b")]);
    expect(stepsOf(plan.hosts[0]!).some((step) => step.kind === "create" && step.container.role === "service")).toBe(
      true,
    );
    expect(stepsOf(plan.hosts[1]!).some((step) => step.kind === "create" && step.container.role === "service")).toBe(
      false,
    );
    const up = applied(emptyHost("a"), plan.hosts[0]!);
    const without = planStage(want(stage({ hosts })), [up, applied(emptyHost("b"), plan.hosts[1]!)]);
    expect(kinds(without)).toEqual(["stop", "remove"]);
  });

  it("says where the data of a service stays that goes to another host with the stage's first place", () => {
    const [a, b] = [{ kind: "local", name: "a" } as const, { kind: "local", name: "b" } as const];
    const volumes = [{ kind: "volume", source: "data", target: "/data", readOnly: false } as const];
    const pins = { db: digestOf("db") };
    const place = stage({ hosts: [a, b], services: [service("db", { volumes })] });
    const empty = [emptyHost("a"), emptyHost("b")] as const;
    const [first, second] = planStage(want(place, one, { pins }), empty).hosts;
    const hosts = [applied(empty[1], second!), applied(empty[0], first!)];
    const swapped = planStage(want({ ...place, hosts: [b, a] }, one, { pins }), hosts);
    expect(swapped.notes).toContain("service db moves from a to b: the data in its volumes stays on a");
  });

  it("leaves nothing of a replaced service behind", () => {
    const place = stage({ services: [service("db")] });
    const host = applied(
      emptyHost("a"),
      planStage(want(place, one, { pins: { db: digestOf("15") } }), [emptyHost("a")]).hosts[0]!,
    );
    const wanted = want(place, one, { pins: { db: digestOf("16") } });
    const replaced = applied(host, planStage(wanted, [host]).hosts[0]!);
    expect(running(replaced, "service").map((container) => container.imageId)).toEqual([digestOf("16")]);
    expect(isEmpty(planStage(wanted, [replaced]))).toBe(true);
  });

  it("waits for the requests of the old where that listens, though the new listens elsewhere", () => {
    const place = (appPort: number) => stage({ proxy: stageProxy({ ports: [port], appPort }) });
    const [before] = planStage(want(place(8080)), [emptyHost("a")]).hosts;
    const [after] = planStage(want(place(9090), two), [applied(emptyHost("a"), before!)]).hosts;
    expect(after!.retire).toMatchObject([{ kind: "drain", containers: [{ port: 8080 }] }, { kind: "stop" }]);
  });

  it("removes a service that is stopped and replaced once", () => {
    const place = stage({ services: [service("db")] });
    const first = planStage(want(place, one, { pins: { db: digestOf("15") } }), [emptyHost("a")]).hosts[0]!;
    const up = applied(emptyHost("a"), first);
    const containers = up.containers.map((found) =>
      found.labels["envctl.role"] === "service" ? { ...found, state: "exited" as const } : found,
    );
    const plan = planStage(want(place, one, { pins: { db: digestOf("16") } }), [{ ...up, containers }]);
    expect(kinds(plan).filter((kind) => kind === "remove")).toHaveLength(1);
  });

  it("runs before-switch tasks once, only when the release changes", () => {
    const place = stage({
      hosts: [
        { kind: "local", name: "a" },
        { kind: "local", name: "b" },
      ],
    });
    const task = { name: "migrate", command: ["true"], when: "before-switch" as const, timeout: 1 as Duration };
    const wanted = { ...want(place), environment: environment([place], { tasks: [task] }) };
    const plan = planStage(wanted, [emptyHost("a"), emptyHost("b")]);
    expect(plan.tasks.map(({ task: { name }, host }) => `${name} on ${host}`)).toEqual(["migrate on a"]);
    const hosts = plan.hosts.map((host, index) => applied(emptyHost(["a", "b"][index]!), host));
    const reconfigured = { ...wanted, stage: stage({ hosts: place.hosts, app: workload({ env: { A: "1" } }) }) };
    expect(planStage(reconfigured, hosts).tasks).toEqual([]);
  });

  it.each(["rolling", "recreate", "blue-green"] as const)(
    "runs tasks where a kept release comes again, and not where it is merely started again or goes back: %s",
    (strategy) => {
      const place = stage({ proxy: stageProxy({ domains: ["shop.test"] }), rollout: rollout({ strategy }) });
      const tasks = (["before-switch", "after-switch"] as const).map((when) => ({
        ...{ name: when, command: ["true"], when, timeout: 1 as Duration },
      }));
      const plans = (which: typeof one, host: ObservedHost, more = {}) =>
        planStage(want(place, which, { environment: environment([place], { tasks }), ...more }), [host]);
      const named = (...asked: Parameters<typeof plans>) => plans(...asked).tasks.map(({ task: { name } }) => name);
      const grown = [one, two].reduce((host, which) => applied(host, plans(which, host).hosts[0]!), emptyHost("a"));
      const back = applied(grown, plans(one, grown, { asItRanThen: true }).hosts[0]!);
      expect(named(one, grown, { asItRanThen: true, unrecorded: true })).toEqual([]);
      const again = plans(two, back, { unrecorded: true });
      expect(kinds(again)).not.toContain("create");
      expect(named(two, back, { unrecorded: true })).toEqual(["before-switch", "after-switch"]);
      // What was killed after the switch has run the first of them.
      const killed = [...again.hosts[0]!.prepare, ...again.hosts[0]!.start, ...again.hosts[0]!.switch].reduce(
        apply,
        back,
      );
      expect(named(two, killed, { unrecorded: true })).toEqual(["after-switch"]);
      const stopped = grown.containers.map((container) => ({ ...container, state: "exited" as const }));
      expect(named(two, { ...grown, containers: stopped })).toEqual([]);
      if (strategy !== "rolling") return;
      const third = plans(release("three"), back).hosts[0]!.start.slice(0, 2).reduce(apply, back);
      expect(named(release("three"), third, { unrecorded: true })).toEqual(["after-switch"]);
    },
  );

  it("never shows a secret, and replaces a container when its secret changes", () => {
    const place = stage({ app: workload({ secrets: ["TOKEN"] }) });
    const host = applied(
      emptyHost("a"),
      planStage(want(place, one, { secrets: { TOKEN: "old-value" } }), [emptyHost("a")]).hosts[0]!,
    );
    const plan = planStage(want(place, one, { secrets: { TOKEN: "new-value" } }), [host]);
    expect(kinds(plan)).toContain("create");
    expect(JSON.stringify(host.containers.map((container) => container.labels))).not.toContain("value");
    expect(isEmpty(planStage(want(place, one, { secrets: undefined }), [host]))).toBe(true);
  });
});

describe("what a dead envctl left", () => {
  const task = (generation: string, state: "running" | "exited") => {
    const up = applied(emptyHost("a"), planStage(want(), [emptyHost("a")]).hosts[0]!);
    const [app] = up.containers;
    const labels = { ...app!.labels, "envctl.role": "task", "envctl.generation": generation };
    return { ...up, containers: [app!, { ...app!, id: "task", name: "task", labels, state }] };
  };

  it("is taken away where a rollout began it, running or not, before anything else", () => {
    expect(kinds(planStage(want(stage(), two), [task("1", "running")])).slice(0, 2)).toEqual(["stop", "remove"]);
    expect(kinds(planStage(want(), [task("1", "exited")]))).toEqual(["remove"]);
  });

  it("is left alone where somebody may be waiting for it", () => {
    expect(kinds(planStage(want(), [task("0", "running")]))).toEqual([]);
    expect(kinds(planStage(want(), [task("0", "exited")]))).toEqual(["remove"]);
  });
});

describe("convergence, whatever was killed when", () => {
  const configuration = fc.record({
    release: fc.constantFrom(...["one", "two", "three"].map(release)),
    ports: fc.constantFrom([], [port]),
    level: fc.constantFrom("a", "b"),
    replicas: fc.integer({ min: 1, max: 3 }),
    interruptedAfter: fc.nat(12),
  });

  function placeOf({ ports, level, replicas }: { ports: readonly (typeof port)[]; level: string; replicas: number }) {
    return stage({ app: workload({ ports, env: { LEVEL: level }, replicas: ports.length > 0 ? 1 : replicas }) });
  }

  it("reaches the wanted state from every state that interrupted rollouts can leave", () => {
    fc.assert(
      fc.property(fc.array(configuration, { minLength: 1, maxLength: 6 }), (history) => {
        let host = emptyHost("a");
        for (const entry of history) {
          const plan = planStage(want(placeOf(entry), entry.release), [host]);
          host = applied(host, plan.hosts[0]!, entry.interruptedAfter);
        }
        const last = history.at(-1)!;
        const wanted = want(placeOf(last), last.release);
        host = applied(host, planStage(wanted, [host]).hosts[0]!);
        expect(digestsRunning(host)).toEqual(
          Array.from({ length: wanted.stage.app.replicas }, () => last.release.digest),
        );
        expect(isEmpty(planStage(wanted, [host]))).toBe(true);
      }),
    );
  });

  it("never stops what serves before the new one was healthy, unless they share a port", () => {
    fc.assert(
      fc.property(fc.array(configuration, { minLength: 2, maxLength: 5 }), (history) => {
        let host = emptyHost("a");
        for (const entry of history) {
          const plan = planStage(want(placeOf({ ...entry, ports: [] }), entry.release), [host]).hosts[0]!;
          const served = running(host).length > 0;
          for (const step of stepsOf(plan).slice(0, entry.interruptedAfter)) {
            host = apply(host, step);
            if (served) expect(running(host).length).toBeGreaterThan(0);
          }
        }
      }),
    );
  });
});
