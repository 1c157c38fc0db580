import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { passingPort } from "../../src/plan/passing-ports.ts";
import { isEmpty, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import {
  applied,
  apply,
  emptyHost,
  environment,
  port,
  release,
  running,
  service,
  stage,
  stageProxy,
  workload,
} from "./world.ts";

const one = release("one");
const two = release("two");

function want(place = stage(), which = one, extra = {}) {
  return { environment: environment([place]), stage: place, release: which, pins: {}, secrets: {}, ...extra };
}

describe("room for what is new", () => {
  const data = { kind: "volume", source: "data", target: "/data", readOnly: false } as const;
  const to = (hostPort: number) => ({ ports: [{ ...port, hostPort }] });

  it.each([
    ["gets another name", [service("db", to(1))], { services: [service("store", to(1))] }],
    [
      "gets another name, with its data",
      [service("db", { volumes: [data] })],
      { services: [service("store", { volumes: [data] })] },
    ],
    [
      "changes ports with another",
      [service("db", to(1)), service("store", to(2))],
      { services: [service("db", to(2)), service("store", to(1))] },
    ],
    ["gives its port to the app", [service("db", to(1))], { app: workload(to(1)) }],
    ["gives its port to the proxy", [service("db", to(1))], { proxy: stageProxy(to(1)) }],
  ])("lets go of what only one can have where a service %s", (_, services, next) => {
    const pins = { db: digestOf("db"), store: digestOf("db") };
    const [before] = planStage(want(stage({ services }), one, { pins }), [emptyHost("a")]).hosts;
    const wanted = want(stage(next), one, { pins });
    let host = applied(emptyHost("a"), before!);
    for (const step of stepsOf(planStage(wanted, [host]).hosts[0]!)) {
      host = apply(host, step);
      const written = running(host, "service").flatMap(({ mounts }) => mounts.map(({ source }) => source));
      expect(written.length).toBe(new Set(written).size);
    }
    expect(running(host, "service").map(({ labels }) => labels["envctl.workload"])).toEqual(
      wanted.stage.services.map(({ name }) => name),
    );
    expect(isEmpty(planStage(wanted, [host]))).toBe(true);
  });

  it("leaves a service that is gone from the file to those who use it, until the new release serves", () => {
    const pins = { db: digestOf("db"), store: digestOf("db") };
    const place = stage({ services: [service("db", to(1))] });
    const host = applied(emptyHost("a"), planStage(want(place, one, { pins }), [emptyHost("a")]).hosts[0]!);
    const plan = planStage(want(stage({ services: [service("store", to(2))] }), two, { pins }), [host]);
    expect(plan.hosts[0]!.prepare.some(({ kind }) => kind === "stop")).toBe(false);
  });

  it("says of a port that would pass from the app or its proxy to a service who has it, and of no other", () => {
    const pins = { front: digestOf("front") };
    const passing = (before: ReturnType<typeof stage>, front: { ports: (typeof port)[] }) => {
      const host = applied(emptyHost("a"), planStage(want(before), [emptyHost("a")]).hosts[0]!);
      const after = stage({ services: [service("front", front)] });
      return passingPort(host, planStage(want(after, two, { pins }), [host]).hosts[0]!, {
        environment: "shop",
        stage: "test",
      });
    };
    const direct = stage({ app: workload(to(1)) });
    expect(passing(direct, to(1))).toMatchObject({
      port: 1,
      service: "front",
      holder: { name: "shop-test-app-one-1" },
    });
    expect(passing(stage({ proxy: stageProxy(to(1)) }), to(1))).toMatchObject({ holder: { name: "shop-test-proxy" } });
    expect(passing(direct, to(2))).toBeUndefined();
    expect(passing(direct, { ports: [{ ...port, hostPort: 1, protocol: "udp" }] })).toBeUndefined();
    const inside = stage({ app: workload({ ports: [{ ...port, hostPort: 1, address: "127.0.0.1" }] }) });
    expect(passing(inside, { ports: [{ ...port, hostPort: 1, address: "10.0.0.5" }] })).toBeUndefined();
    expect(passing(inside, to(1))).toMatchObject({ port: 1 });
  });
});
