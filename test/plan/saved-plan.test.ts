import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { type Moment, parseSavedPlan, type SavedPlan, stepsToKeep, whatMoved } from "../../src/plan/saved-plan.ts";
import { lastingFingerprint } from "../../src/secrets/fingerprint.ts";
import { applied, emptyHost, environment, release, stage, workload } from "./world.ts";

function planOf(env: Record<string, string>, secret: string, hosts = [emptyHost("a"), emptyHost("b")]) {
  const place = stage({ app: workload({ env, secrets: ["KEY"] }) });
  const wanted = {
    environment: environment([place]),
    stage: place,
    release: release("one"),
    pins: {},
    secrets: { KEY: secret },
  };
  return planStage(wanted, hosts);
}

const plan = planOf({ LEVEL: "info" }, "s3cret");

const moment: Moment = {
  head: { digest: "sha256:1", what: "record 1, promote of one by alice@laptop" },
  configuration: { "app.env.LEVEL": "info" },
  secrets: { KEY: "f1" },
  services: { db: "sha256:2" },
  hooks: { "before-deploy": "sha256:3" },
  certificate: "c1",
  ...stepsToKeep(plan),
};

const saved: SavedPlan = {
  kind: "envctl-plan",
  version: 1,
  verb: "promote",
  environment: "shop",
  stage: "prod",
  release: { name: "one", digest: digestOf("one") },
  madeAt: "2026-01-01T00:00:00Z",
  madeBy: "alice@laptop",
  salt: "00",
  moment,
};

describe("a plan that is kept", () => {
  it("holds no value of a variable, and tells another configuration and another container apart", () => {
    expect(JSON.stringify(stepsToKeep(plan))).not.toMatch(/s3cret/);
    expect(stepsToKeep(planOf({ LEVEL: "info" }, "another"))).toEqual(stepsToKeep(plan));
    expect(stepsToKeep(planOf({ LEVEL: "debug" }, "s3cret"))).not.toEqual(stepsToKeep(plan));
  });

  it("is that of the same world, whatever the order of its keys", () => {
    expect(whatMoved(moment, JSON.parse(JSON.stringify(moment)) as Moment)).toEqual([]);
  });

  it.each<[Partial<Moment>, string]>([
    [
      { head: { digest: "sha256:9", what: "record 2, rollback by bob" } },
      "the stage has changed since: record 2, rollback by bob",
    ],
    [{ head: null }, "the stage's history is gone"],
    [{ configuration: { "app.env.LEVEL": "debug" } }, "app.env.LEVEL was info, and is debug"],
    [{ configuration: {} }, "app.env.LEVEL was info, and is not set"],
    [{ secrets: { KEY: "f2" } }, "the secret KEY has another value"],
    [{ services: { db: "sha256:4" } }, "service db was sha256:2, and is sha256:4"],
    [{ hooks: {} }, "hook before-deploy does not run"],
    [{ hooks: { "before-deploy": "sha256:5" } }, "hook before-deploy is another"],
    [{ hooks: { ...moment.hooks, "after-deploy": "sha256:5" } }, "hook after-deploy is new"],
    [{ certificate: null }, "the certificate is another"],
    [{ tasks: [{ what: "run task migrate on a", hash: "1" }] }, "to do by now: run task migrate on a"],
  ])("is not that of another: %j", (change, words) => {
    expect(whatMoved(moment, { ...moment, ...change })).toEqual([words]);
  });

  it("names the steps and hosts that are others", () => {
    const [a, b] = moment.hosts;
    const [step, ...rest] = a?.steps ?? [];
    const hosts = (steps: readonly { what: string; hash: string }[]) => ({
      ...moment,
      hosts: [{ host: "a", steps }, b!],
    });
    expect(whatMoved(moment, hosts(rest))).toEqual([`a: no longer to do: ${step?.what}`]);
    expect(whatMoved(moment, hosts([{ ...step!, hash: "other" }, ...rest]))).toEqual([
      `a: not the same any more: ${step?.what}`,
    ]);
    expect(whatMoved(moment, hosts([...rest, step!]))).toEqual(["a: the same steps in another order"]);
    expect(whatMoved(moment, { ...moment, hosts: [a!] })).toEqual(["b is no longer a host of the stage"]);
    expect(whatMoved({ ...moment, hosts: [a!] }, moment)).toEqual(["b is a new host"]);
    const done = [applied(emptyHost("a"), plan.hosts[0]!), emptyHost("b")];
    expect(whatMoved(moment, { ...moment, ...stepsToKeep(planOf({ LEVEL: "info" }, "s3cret", done)) })).not.toEqual([]);
  });

  it("is read from a file only if it is one", () => {
    expect(parseSavedPlan(JSON.parse(JSON.stringify(saved)))).toEqual(saved);
    for (const key of Object.keys(saved)) {
      for (const value of [undefined, 2, {}, [], null]) {
        expect(parseSavedPlan({ ...saved, [key]: value })).toBeUndefined();
      }
    }
    for (const key of Object.keys(moment)) {
      const found = parseSavedPlan({ ...saved, moment: { ...moment, [key]: { x: 1 } } });
      expect([key, found]).toEqual([key, undefined]);
    }
    fc.assert(fc.property(fc.jsonValue(), (value) => parseSavedPlan(value) === undefined));
  });

  it("tells secrets apart by its own salt alone", async () => {
    const one = await lastingFingerprint("hunter2", "salt");
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(await lastingFingerprint("hunter2", "salt")).toBe(one);
    expect(await lastingFingerprint("hunter3", "salt")).not.toBe(one);
    expect(await lastingFingerprint("hunter2", "other")).not.toBe(one);
  });
});
