import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { silent } from "../../src/base/progress.ts";
import type { HostPlan, Step } from "../../src/plan/plan.ts";
import type { Execution } from "../../src/rollout/execution.ts";
import { goBack } from "../../src/rollout/go-back.ts";
import { HostProgress } from "../../src/rollout/host-progress.ts";
import { Situation } from "../../src/rollout/situation.ts";

const full = new EnvctlError({ code: "disk-full", exitCode: ExitCode.failed, what: "the host's disk is full" });
const reason = new EnvctlError({ code: "task-failed", exitCode: ExitCode.failed, what: "task after failed" });
const old = { id: "old", name: "old", stopGrace: 1000, running: true };

/** What a host has been through: the new is created, started and routed to, the old stopped. */
const steps = [
  { kind: "create", container: { spec: { name: "new" } } },
  { kind: "start", container: { name: "new", workload: "app" } },
  { kind: "route", proxy: { name: "proxy", driver: "caddy" }, id: "site", site: undefined, before: { upstreams: [] } },
  { kind: "stop", container: old, why: "replaced", health: undefined },
] as unknown as Step[];

const former = { driver: "caddy", image: "caddy", ports: [] };

/** A host whose engine, or proxy, fails at one of these; and what was done there. */
function world(...failing: readonly ("startContainer" | "route")[]) {
  const done: string[] = [];
  const act = (name: string) => async (subject: string) => {
    if ((failing as readonly string[]).includes(name)) throw full;
    done.push(`${name} ${subject}`);
  };
  const engine = {
    startContainer: act("startContainer"),
    stopContainer: act("stopContainer"),
    removeContainer: act("removeContainer"),
    container: async (name: string) => ({ id: name, stopGrace: 1000 }),
  };
  const host = new HostProgress({ host: "ssh://a" } as HostPlan);
  host.begun.push(...steps);
  const execution = {
    plan: { stage: "prod", release: { name: "new" } },
    rollout: { onFailure: "rollback", timeout: 1000 },
    workers: new Map([["ssh://a", { engine, proxies: { route: act("route"), bringBack: act("bringBack") } }]]),
    clock: systemClock,
    situation: new Situation(),
  } as unknown as Execution;
  return { done, host, goBack: async () => (await goBack(execution, [host], reason, silent)) as EnvctlError };
}

it("starts the old, leads the proxy back to it, and only then takes the new away", async () => {
  const { done, goBack } = world();
  const error = await goBack();
  expect(done).toEqual(["startContainer old", "route proxy", "stopContainer new", "removeContainer new"]);
  expect([error.exitCode, error.state]).toEqual([1, "ssh://a went back to what ran before"]);
});

it("makes a proxy again that another one has replaced, before what needs a port of that one starts", async () => {
  const { done, host, goBack } = world();
  const stop = steps.filter(({ kind }) => kind === "stop");
  const replace = { kind: "proxy", proxy: "proxy", replaces: former } as unknown as Step;
  host.begun.splice(0, host.begun.length, ...stop, replace);
  await goBack();
  expect(done).toEqual(["bringBack proxy", "startContainer old"]);
});

it.each([
  ["startContainer", [], /could not undo "stop old": the host's disk is full/],
  ["route", ["startContainer old"], /could not undo "let proxy serve site no more": the host's disk is full/],
] as const)("leaves the new where it is what serves, because %s fails", async (failing, expected, text) => {
  const { done, goBack } = world(failing);
  const error = await goBack();
  expect(done).toEqual(expected);
  expect([error.exitCode, error.message]).toEqual([ExitCode.needsPerson, reason.message]);
  expect(error.state).toMatch(text);
  expect(error.state).toMatch(/what serves there was left as it is/);
});
