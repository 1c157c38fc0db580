import { describe, expect, it } from "vitest";
import { devStage } from "../../src/environment/dev-stage.ts";
import type { DevSettings, Worker } from "../../src/environment/model.ts";
import { describeDev, nameFiles } from "../../src/plan/dev-container.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { isEmpty } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { hostStatus, stageStatus } from "../../src/plan/status.ts";
import {
  applied,
  emptyHost,
  environment,
  kinds,
  port,
  release,
  rollout,
  running,
  stage,
  stageProxy,
  workload,
} from "./world.ts";

const one = release("one");
const place = stage({ app: workload({ env: { LEVEL: "info" } }) });
const debug: Partial<DevSettings> = {
  command: ["node", "--inspect", "server.js"],
  env: { LEVEL: "debug", DEBUG: "1" },
  ports: [{ ...port, hostPort: 9229, containerPort: 9229 }],
};

const worldOf = (settings: Partial<DevSettings>) => {
  const world = environment([place]);
  return { ...world, dev: { ...world.dev, ...settings } };
};

const planOf = (
  as: typeof place,
  host: ObservedHost,
  settings: Partial<DevSettings> = {},
  asItRanThen = false,
  which = one,
) =>
  planStage({ environment: worldOf(settings), stage: as, release: which, pins: {}, secrets: {}, asItRanThen }, [host]);

/** A host on which `envctl dev` runs the release. */
function inDev(settings: Partial<DevSettings> = {}, from = emptyHost("a")): ObservedHost {
  return applied(from, planOf(devStage(worldOf(settings), place), from, settings).hosts[0]!);
}

function synced(host: ObservedHost, changed: string[], removed: string[] = []): ObservedHost {
  return { ...host, synced: new Map([[running(host)[0]!.id, { changed, removed }]]) };
}

describe("the stage as envctl dev runs it", () => {
  it("has the overrides, and says which", () => {
    const { app } = devStage(worldOf(debug), { ...place, app: { ...place.app, replicas: 3 } });
    expect(app).toMatchObject({ command: debug.command, env: { LEVEL: "debug", DEBUG: "1" }, replicas: 1 });
    expect(app.ports.map(({ hostPort }) => hostPort)).toEqual([9229]);
    expect(app.dev).toBe("command, env LEVEL, DEBUG, ports 9229");
    expect(devStage(worldOf({ env: { LEVEL: "info" } }), place).app.dev).toBe("");
  });

  it("is no reason to do anything a second time", () => {
    const host = inDev(debug);
    expect(isEmpty(planOf(devStage(worldOf(debug), place), host, debug))).toBe(true);
    // After a crash, files that were synced before are the loop's to settle: the container stays.
    expect(isEmpty(planOf(devStage(worldOf(debug), place), synced(host, ["/app/a"]), debug))).toBe(true);
  });
});

describe.each(["rolling", "blue-green", "canary", "recreate"] as const)("a change under strategy %s", (strategy) => {
  const proxied = stage({ proxy: stageProxy({ domains: ["shop.test"] }), rollout: rollout({ strategy }) });
  const next = devStage(worldOf({}), proxied);

  // Another release beside it would be one that nobody asked for, and so be replaced without end.
  it("waits for no trial, and leaves nothing that runs beside it", () => {
    const up = applied(emptyHost("a"), planOf(proxied, emptyHost("a")).hosts[0]!);
    const plan = planOf(next, up, {}, false, release("two"));
    expect(plan.hosts[0]!.trial).toEqual([]);
    expect(running(applied(up, plan.hosts[0]!)).map(({ labels }) => labels["envctl.release"])).toEqual(["two"]);
    expect(plan.hosts[0]!.gap).toBe(strategy === "recreate");
  });
});

describe("a container of envctl dev", () => {
  it.each([
    ["with overrides", inDev(debug)],
    ["with synced files", synced(inDev(), ["/app/a.js"])],
    ["into which files may be synced at any time", inDev()],
  ])("%s gives way to the release, though it is the same image", (title, host) => {
    const notes = planOf(place, host).notes.join();
    if (title.startsWith("with ")) expect(notes).toMatch(/is no release \(dev.*\): it gives way to this one/);
    else expect(notes).toBe("");
    const after = applied(host, planOf(place, host).hosts[0]!);
    const [now, ...others] = running(after);
    expect(others).toEqual([]);
    expect(now?.labels).not.toHaveProperty("envctl.dev");
    expect(isEmpty(planOf(place, after))).toBe(true);
  });

  it("takes the place of the release's", () => {
    const up = applied(emptyHost("a"), planOf(place, emptyHost("a")).hosts[0]!);
    expect(running(inDev({}, up)).map(({ labels }) => labels["envctl.dev"])).toEqual([""]);
  });

  it("is not kept when it is replaced, while releases are", () => {
    const up = applied(emptyHost("a"), planOf(place, emptyHost("a"), {}, false, release("older")).hosts[0]!);
    const dev = inDev({}, up);
    const next = devStage(worldOf({}), place);
    const again = applied(dev, planOf(next, dev, {}, false, release("newer")).hosts[0]!);
    expect(again.containers.map(({ labels, state }) => [labels["envctl.release"], state])).toEqual([
      ["older", "exited"],
      ["newer", "running"],
    ]);
  });

  it("is nothing to roll back to", () => {
    const host = inDev();
    const stopped = { ...host, containers: host.containers.map((found) => ({ ...found, state: "exited" as const })) };
    expect(kinds(planOf(place, stopped, {}, true))).toContain("create");
  });
});

describe("the status", () => {
  const statusOf = (host: ObservedHost, settings: Partial<DevSettings> = {}) => {
    const facts = { environment: worldOf(settings), stage: place, release: one, pins: {}, secrets: {} };
    const expected = { name: "one", digest: one.digest, at: "", by: "" };
    return stageStatus(place, expected, [hostStatus(facts, host, true, new Map())], {
      verification: undefined,
      formerHosts: [],
    });
  };

  it("is neither ok nor drift where something else than the release runs", () => {
    const found = statusOf(synced(inDev(debug), ["/app/a.js", "/app/b.js"], ["/app/c.js"]), debug);
    expect(found.verdict).toBe("dev");
    const [app] = found.hosts[0]!.containers;
    expect(app?.drift).toEqual([]);
    expect(app?.dev && describeDev(app.dev)).toBe("dev: command, env LEVEL, DEBUG, ports 9229 + 3 changed files");
    expect(app?.dev && nameFiles(app.dev)).toEqual(["/app/a.js", "/app/b.js", "/app/c.js (removed)"]);
  });

  it("is ok where envctl dev runs just the release", () => {
    expect(statusOf(inDev()).verdict).toBe("ok");
  });

  it("holds a worker, too, against what it should be for development", () => {
    const mail: Worker = {
      ...workload({ name: "mail", command: ["mail"], port: undefined, replicas: 2 }),
      place: "all",
    };
    const working = stage({ workers: [mail] });
    const world = { ...environment([working]), dev: { ...environment([working]).dev, env: { DEBUG: "1" } } };
    const facts = { environment: world, stage: working, release: one, pins: {}, secrets: {} };
    const [plan] = planStage({ ...facts, stage: devStage(world, working) }, [emptyHost("a")]).hosts;
    const { containers } = hostStatus(facts, applied(emptyHost("a"), plan!), true, new Map());
    expect(containers.map(({ workload: name, drift, dev }) => [name, drift, dev?.overrides])).toEqual([
      ["app", [], "env DEBUG"],
      ["mail", [], "env DEBUG"],
    ]);
  });

  it("is drift where what envctl dev runs was changed by hand", () => {
    const host = inDev(debug);
    const changed = { ...host, containers: host.containers.map((found) => ({ ...found, memory: 1 })) };
    expect(statusOf(changed, debug).verdict).toBe("drift");
  });

  it("names a few of many files", () => {
    const files = { changed: Array.from({ length: 9 }, (_, index) => `/f${index}`), removed: [] };
    expect(nameFiles(files)).toEqual(["/f0", "/f1", "/f2", "/f3", "/f4", "and 4 more"]);
    expect(describeDev({ overrides: "", changed: ["/a"], removed: [] })).toBe("dev + 1 changed file");
  });
});
