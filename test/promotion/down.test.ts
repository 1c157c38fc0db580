import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import { type Engine, Label, type Labels, type ObservedContainer } from "../../src/engine/engine.ts";
import { takeDown } from "../../src/promotion/down.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import { whileLocked } from "../../src/promotion/locked.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { OpenRepository } from "../../src/rollout/connections.ts";
import { Situation } from "../../src/rollout/situation.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { environment, release, stage } from "../plan/world.ts";
import { startRegistry } from "../registry/registries.ts";
import { changeOf } from "./pushed-release.ts";

const directory = mkdtempSync(join(tmpdir(), "envctl-down-"));
afterAll(() => rmSync(directory, { recursive: true }));

const place = stage({ hosts: [{ kind: "local", name: "local" }] });
const labels = { [Label.environment]: "shop", [Label.stage]: "test" };
const container = (name: string) =>
  ({ id: name, name, state: "exited", labels: { ...labels, [Label.role]: "app" } }) as unknown as ObservedContainer;

/** A workspace with one host, and no registry unless one is given. What it has changes once somebody takes its stage's lock. */
function hostWith(
  before: readonly string[],
  after: readonly string[],
  locks = new Map<string, Labels>(),
  repository?: OpenRepository,
) {
  let names = before;
  const removed: string[] = [];
  const engine = {
    name: "local",
    containers: async (wanted: Labels) => (wanted[Label.role] === "proxy" ? [] : names.map(container)),
    container: async () => undefined,
    networks: async () =>
      names.length > 0 ? [{ name: "shop-test", labels: { ...labels, [Label.role]: "network" } }] : [],
    image: async () => undefined,
    now: async () => new Date(),
    volumes: async () => [...locks].map(([name, own]) => ({ name, labels: own, createdAt: new Date() })),
    ensureVolume: async (name: string, own: Labels) => {
      names = after;
      locks.set(name, own);
    },
    removeVolume: async (name: string) => void locks.delete(name),
    removeContainer: async (id: string) => void removed.push(id),
    removeNetwork: async (name: string) => void removed.push(name),
  } as unknown as Engine;
  const workspace = {
    ...{ environment: environment([place], { directory }), clock: systemClock, variables: { HOME: directory } },
    ...{ progress: silent, signal: new AbortController().signal, situation: new Situation(), lockWait: undefined },
    connections: {
      engine: async () => engine,
      repository: async () => {
        if (repository) return repository;
        throw new Error("no registry");
      },
    },
  } as unknown as Workspace;
  return { removed, engine, workspace, down: () => takeDown(workspace, place, { volumes: false, dryRun: false }) };
}

it("takes down what is there once the stage is its own: a rollout may have ended just then", async () => {
  const { removed, down } = hostWith(["one"], ["two"]);
  expect(await down()).toMatchObject([{ host: "local", containers: ["two"], networks: ["shop-test"] }]);
  expect(removed).toEqual(["two", "shop-test"]);
});

it("is not done where nothing is there yet, but somebody is about to bring something", async () => {
  const locks = new Map<string, Labels>();
  expect(await hostWith([], []).down()).toMatchObject([{ containers: [], networks: [] }]);
  const { engine, workspace, down } = hostWith([], ["one"], locks);
  await whileLocked(workspace, place, engine, "envctl up test", async () => {
    await expect(down()).rejects.toMatchObject({ code: "locked", exitCode: 4 });
  });
});

it("is written down by the same command, once the registry is back or where it was killed", async () => {
  const running = await startRegistry("embedded");
  const registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
  const repository = { registry, path: "shop", serveEmbedded: undefined, cache: undefined };
  const ledger = new Ledger(repository, "shop", "test");
  await ledger.append(changeOf("test", release("one"), { hosts: ["local"] }), undefined);
  // What was removed is gone, and the history still has it run.
  const { down } = hostWith([], [], new Map(), repository);
  for (const _ of ["written", "known"]) {
    expect(await down()).toMatchObject([{ host: "local", containers: [] }]);
    expect(await ledger.head()).toMatchObject({ sequence: 2, record: { kind: "down", hosts: ["local"] } });
  }
  registry.close();
  await running.stop();
});
