import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { parseHostAddress } from "../../src/base/host.ts";
import { silent } from "../../src/base/progress.ts";
import { type Engine, Label, type Labels } from "../../src/engine/engine.ts";
import { takeDownFormer } from "../../src/promotion/down-former.ts";
import { Situation } from "../../src/rollout/situation.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { environment, stage } from "../plan/world.ts";

const old = { kind: "local", name: "local" } as const;
const place = stage({ hosts: [parseHostAddress("unix:///one.sock")!] });
const data: Labels = { [Label.environment]: "shop", [Label.stage]: "test", [Label.role]: "volume" };

/** An engine, by a name of its own, that has these volumes and nothing else. */
function engineOf(name: string, volumes: Map<string, Labels>): Engine {
  const fits = (labels: Labels, wanted: Labels) =>
    Object.entries(wanted).every(([key, value]) => labels[key] === value);
  const engine = {
    name,
    ...{ containers: async () => [], networks: async () => [], container: async () => undefined },
    now: async () => new Date(),
    volumes: async (wanted: Labels) =>
      [...volumes]
        .filter(([, labels]) => fits(labels, wanted))
        .map(([one, labels]) => ({ name: one, labels, createdAt: new Date() })),
    ensureVolume: async (one: string, labels: Labels) => void (volumes.has(one) || volumes.set(one, labels)),
    removeVolume: async (one: string) => void volumes.delete(one),
  };
  return engine as unknown as Engine;
}

async function takeDown(volumes: Map<string, Labels>, others: Map<string, Labels>) {
  const engines = [engineOf("local", volumes), engineOf("unix:///one.sock", others)];
  const workspace = {
    ...{ environment: environment([place], { directory: "/nowhere" }), clock: systemClock, variables: {} },
    ...{ progress: silent, signal: new AbortController().signal, situation: new Situation(), lockWait: undefined },
    connections: {
      engine: async ({ name }: { name: string }) => engines.find((engine) => engine.name === name),
      repository: async () => {
        throw new Error("no registry");
      },
    },
  } as unknown as Workspace;
  const options = { volumes: true, dryRun: false, gone: false };
  return await takeDownFormer(workspace, place, { address: old, known: false }, options);
}

it("leaves the data alone where the former host is one of the stage's under another name, and nothing runs there", async () => {
  const same = new Map([["shop-test-data", data]]);
  expect(await takeDown(same, same)).toMatchObject({ sameAs: "unix:///one.sock", volumes: [] });
  expect([...same.keys()]).toEqual(["shop-test-data"]);
});

it("removes the data of another engine, which may well have volumes of the same names", async () => {
  const [there, here] = [new Map([["shop-test-data", data]]), new Map([["shop-test-data", data]])];
  expect(await takeDown(there, here)).toMatchObject({ sameAs: undefined, volumes: ["shop-test-data"] });
  expect([[...there.keys()], [...here.keys()]]).toEqual([[], ["shop-test-data"]]);
});
