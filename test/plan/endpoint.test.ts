import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { ObservedContainer } from "../../src/engine/engine.ts";
import type { Health, Rollout, Stage, Worker } from "../../src/environment/model.ts";
import { taskSpec } from "../../src/plan/desired.ts";
import { endpointOf, ownEndpoint, portIn } from "../../src/plan/endpoint.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { type HostPlan, isEmpty, type StagePlan, type Step, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { hostStatus } from "../../src/plan/status.ts";
import {
  applied,
  apply,
  emptyHost,
  environment,
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

const [one, two, three] = [release("one"), release("two"), release("three")];
const timing = { interval: 100 as Duration, timeout: 2000 as Duration, retries: 30 };
const answers = (number: number, path = "/healthz"): Health => ({ kind: "http", path, port: number, ...timing });
const settings = (number: number, path?: string) => ({ port: number, health: answers(number, path) });

/** A stage whose app listens on this port, which a proxy publishes. */
function place(appPort: number, strategy: Rollout["strategy"] = "rolling", overrides: Partial<Stage> = {}): Stage {
  return stage({
    app: workload(settings(appPort)),
    proxy: stageProxy({ ports: [port], appPort }),
    rollout: rollout({ strategy, canary: { ...rollout().canary, weights: [] } }),
    ...overrides,
  });
}

function planOf(as: Stage, host: ObservedHost, which = one, asItRanThen = false): StagePlan {
  const wanted = { environment: environment([as]), stage: as, pins: {}, secrets: {} };
  return planStage({ ...wanted, release: which, asItRanThen }, [host]);
}

const hostPlan = (plan: StagePlan): HostPlan => plan.hosts[0]!;
const rolledOut = (as: Stage, host: ObservedHost, which = one, rollback = false) =>
  applied(host, hostPlan(planOf(as, host, which, rollback)));
const upstreamPorts = (host: ObservedHost) =>
  host.proxies.flatMap(({ sites }) => sites.flatMap(({ upstreams }) => upstreams.map((upstream) => upstream.port)));

/** Of each container that a plan waits for, or could start again: the port that it is asked on. */
function asked(host: ObservedHost, plan: HostPlan): Record<string, number | undefined> {
  const names = new Map(host.containers.map(({ name, labels }) => [name, labels["envctl.release"] ?? ""]));
  const found: Record<string, number | undefined> = {};
  for (const step of stepsOf(plan)) {
    if (step.kind === "create") names.set(step.container.spec.name, step.container.spec.labels["envctl.release"] ?? "");
    if (step.kind !== "wait-healthy" && step.kind !== "stop") continue;
    const { health } = step;
    found[`${step.kind} ${names.get(step.container.name)}`] = health?.kind === "http" ? health.port : undefined;
  }
  return found;
}

function unlabelled(host: ObservedHost): ObservedHost {
  const containers = host.containers.map(({ labels: { "envctl.endpoint": _, ...labels }, ...rest }) => ({
    ...rest,
    labels,
  }));
  return { ...host, containers };
}

describe("a release that listens elsewhere than the one before", () => {
  it.each(["rolling", "blue-green", "recreate", "canary"] as const)(
    "is asked where it listens, and the one before where that does: %s",
    (strategy) => {
      const before = rolledOut(place(8080, strategy), emptyHost("a"));
      const plan = hostPlan(planOf(place(9090, strategy), before, two));
      const stops = strategy === "blue-green" ? {} : { "stop one": 8080 };
      expect(asked(before, plan)).toEqual({ "wait-healthy two": 9090, ...stops });
      const begun = [...plan.standDown, ...plan.start, ...plan.switch, ...plan.retire];
      const back = [...begun].reverse().reduce(undone, begun.reduce(apply, plan.prepare.reduce(apply, before)));
      expect(upstreamPorts(back)).toEqual([8080]);
      expect(upstreamPorts(applied(before, plan))).toEqual([9090]);
    },
  );

  it.each(["rolling", "blue-green", "recreate", "canary"] as const)(
    "is rolled back to the one before where that listens: %s",
    (strategy) => {
      const both = rolledOut(place(9090, strategy), rolledOut(place(8080, strategy), emptyHost("a")), two);
      const plan = hostPlan(planOf(place(9090, strategy), both, one, true));
      const stops = strategy === "blue-green" ? {} : { "stop two": 9090 };
      expect(asked(both, plan)).toEqual({ "wait-healthy one": 8080, ...stops });
      expect(stepsOf(plan).some(({ kind }) => kind === "create")).toBe(false);
      expect(plan.serving).toMatchObject([{ port: 8080, health: { port: 8080 } }]);
      const back = applied(both, plan);
      expect(upstreamPorts(back)).toEqual([8080]);
      expect(isEmpty(planOf(place(9090, strategy), back, one, true))).toBe(true);
      const again = hostPlan(planOf(place(9090, strategy), back, two));
      expect(asked(back, again)).toMatchObject({ "wait-healthy two": 9090 });
      expect(upstreamPorts(applied(back, again))).toEqual([9090]);
    },
  );

  it("lets each end its requests where that listens, also what stood by", () => {
    const haproxy = (appPort: number) =>
      place(appPort, "blue-green", { proxy: stageProxy({ ports: [port], appPort, driver: "haproxy" }) });
    const both = rolledOut(haproxy(9090), rolledOut(haproxy(8080), emptyHost("a")), two);
    const { standDown } = hostPlan(planOf(haproxy(7070), both, three));
    expect(standDown).toMatchObject([
      { kind: "drain", containers: [{ port: 8080 }] },
      { kind: "stop", health: { port: 8080 } },
    ]);
    const rolled = hostPlan(planOf(place(9090), rolledOut(place(8080), emptyHost("a")), two));
    expect(rolled.retire).toMatchObject([{ kind: "drain", containers: [{ port: 8080 }] }, { kind: "stop" }]);
  });

  it("is rolled back where the app publishes its ports itself, too, but not where the proxy has them now", () => {
    const direct = (containerPort: number) =>
      place(containerPort, "rolling", {
        proxy: undefined,
        app: workload({ ...settings(containerPort), ports: [{ ...port, containerPort }] }),
      });
    const both = rolledOut(direct(9090), rolledOut(direct(8080), emptyHost("a")), two);
    const creates = (as: Stage) =>
      stepsOf(hostPlan(planOf(as, both, one, true))).filter(({ kind }) => kind === "create");
    expect(creates(direct(9090))).toEqual([]);
    expect(running(rolledOut(direct(9090), both, one, true))).toMatchObject([{ ports: [{ containerPort: 8080 }] }]);
    expect(creates(place(9090))).toHaveLength(1);
    const elsewhere = workload({ ...settings(9090), ports: [{ ...port, hostPort: 8081 }] });
    expect(creates(place(9090, "rolling", { proxy: undefined, app: elsewhere }))).toHaveLength(1);
  });

  it("has workers that are asked as they were when they were made", () => {
    const mail = (number: number): Worker => ({ ...workload({ name: "mail", ...settings(number) }), place: "all" });
    const both = rolledOut(
      place(8080, "rolling", { workers: [mail(9090)] }),
      rolledOut(place(8080, "rolling", { workers: [mail(8080)] }), emptyHost("a")),
      two,
    );
    const plan = hostPlan(planOf(place(8080, "rolling", { workers: [mail(9090)] }), both, one, true));
    const waits = stepsOf(plan).filter(
      (step): step is Extract<Step, { kind: "wait-healthy" }> => step.kind === "wait-healthy",
    );
    expect(waits.map(({ container, health }) => [container.workload, health])).toEqual([
      ["mail", answers(8080)],
      ["app", answers(8080)],
    ]);
  });
});

describe("another port or check for the same release", () => {
  const before = rolledOut(place(8080), emptyHost("a"));

  it("needs another container, which is tried before clients come to it", () => {
    const plan = planOf(place(9090), before);
    expect(asked(before, hostPlan(plan))).toEqual({ "wait-healthy one": 9090, "stop one": 8080 });
    expect(hostPlan(plan).changes).toEqual([
      "app: port 8080 → 9090",
      "app: health check GET :8080/healthz → GET :9090/healthz",
    ]);
    const host = applied(before, hostPlan(plan));
    expect([upstreamPorts(host), running(host).length]).toEqual([[9090], 1]);
    expect(isEmpty(planOf(place(9090), host))).toBe(true);
  });

  it("is something to go back to under blue-green", () => {
    const plan = hostPlan(planOf(place(9090, "blue-green"), before));
    expect([plan.supersedes, running(applied(before, plan)).length]).toEqual([true, 2]);
  });

  it("is none where only the patience is another, nor for a service or a container without a label", () => {
    const patient: Health = { ...answers(8080), retries: 300 };
    const waits = place(8080, "rolling", { app: workload({ port: 8080, health: patient }) });
    expect(isEmpty(planOf(waits, before))).toBe(true);
    expect(stepsOf(hostPlan(planOf(waits, before, two))).find(({ kind }) => kind === "stop")).toMatchObject({
      health: patient,
    });
    const plan = hostPlan(planOf(place(9090), unlabelled(before)));
    expect(stepsOf(plan).map(({ kind }) => kind)).toEqual(["route"]);
    const db = (number: number) => place(8080, "rolling", { services: [service("db", settings(number))] });
    const wish = (as: Stage) => ({
      environment: environment([as]),
      stage: as,
      release: one,
      pins: { db: two.digest },
      secrets: {},
    });
    const host = applied(before, hostPlan(planStage(wish(db(5432)), [before])));
    expect(isEmpty(planStage(wish(db(5433)), [host]))).toBe(true);
  });

  it("is what status tells of a release that was rolled back", () => {
    const back = rolledOut(place(9090), rolledOut(place(9090), before, two), one, true);
    const facts = { environment: environment([place(9090)]), stage: place(9090), release: one, pins: {}, secrets: {} };
    const { containers } = hostStatus(facts, back, true, new Map());
    expect(containers.map(({ drift }) => drift.map(({ what }) => what))).toEqual([["port", "health check"], []]);
  });
});

describe("the label of a container's endpoint", () => {
  const [made] = rolledOut(place(8080), emptyHost("a")).containers;
  const labelled = (text: string, more: Partial<ObservedContainer> = {}): ObservedContainer => ({
    ...made!,
    ...more,
    labels: { ...made!.labels, "envctl.endpoint": text },
  });
  const now = { port: 9090, health: answers(9090) };

  it.each([
    ["HTTP", { port: 8080, health: answers(8080) }],
    ["TCP", { port: 8080, health: { kind: "tcp", port: 8080, ...timing } as const }],
    ["no check", { port: 8080, health: undefined }],
    ["nothing", { port: undefined, health: undefined }],
  ])("tells what was said when it was made: %s", (_, endpoint) => {
    const [container] = rolledOut(place(8080, "rolling", { app: workload(endpoint) }), emptyHost("a")).containers;
    expect(ownEndpoint(container!)).toEqual(endpoint);
    expect(endpointOf(container!, now)).toEqual(endpoint);
  });

  it("tells which port is meant by the one of the file's app", () => {
    expect([9090, 8080, 5000].map((port) => portIn(made!, now, port))).toEqual([8080, 8080, 5000]);
    expect(portIn(labelled("{}"), now, 9090)).toBe(9090);
  });

  it("leaves the command of a check to the engine, which has it", () => {
    const health: Health = { kind: "command", command: ["check", "--token", "hush"], ...timing };
    const [container] = rolledOut(place(8080, "rolling", { app: workload({ health }) }), emptyHost("a")).containers;
    expect(container?.labels["envctl.endpoint"]).toBe('{"port":8080,"health":{"kind":"command"}}');
    expect(endpointOf(container!, now).health).toEqual(health);
  });

  it.each([
    "",
    "8080",
    "[]",
    "{",
    '{"port":"8080"}',
    '{"port":0}',
    '{"port":65536}',
    '{"port":8080,"health":null}',
    '{"port":8080,"health":{"kind":"command"}}',
    '{"port":8080,"health":{"kind":"exec","port":8080,"interval":1,"timeout":1,"retries":1}}',
    '{"port":8080,"health":{"kind":"tcp","port":8080,"interval":1,"timeout":1}}',
    '{"port":8080,"health":{"kind":"tcp","port":8080,"interval":-1,"timeout":1,"retries":1}}',
    '{"port":8080,"health":{"kind":"http","port":8080,"interval":1,"timeout":1,"retries":1}}',
    '{"port":8080,"health":{"kind":"http","path":"/ HTTP/1.1\\r\\n","port":8080,"interval":1,"timeout":1,"retries":1}}',
  ])("is not believed where it is none: %s", (text) => {
    expect(ownEndpoint(labelled(text))).toBeUndefined();
    expect(endpointOf(labelled(text), now)).toBe(now);
  });

  it("is on nothing that nobody asks", () => {
    const create = stepsOf(hostPlan(planOf(place(8080), emptyHost("a")))).find(
      (step): step is Extract<Step, { kind: "create" }> => step.kind === "create",
    );
    const task = taskSpec(create!.container, { name: "migrate", command: ["true"] }, "1", "image");
    expect(create!.container.spec.labels).toHaveProperty(["envctl.endpoint"]);
    expect(task.labels).not.toHaveProperty(["envctl.endpoint"]);
  });
});
