import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { noGates } from "../../src/environment/gates.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import { runPipeline } from "../../src/promotion/pipeline.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { Situation } from "../../src/rollout/situation.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { emptyHost, environment, stage } from "../plan/world.ts";
import { type RunningRegistry, startRegistry } from "../registry/registries.ts";
import { changeOf, pushRelease } from "./pushed-release.ts";

let running: RunningRegistry;
let registry: Registry;
beforeAll(async () => {
  running = await startRegistry("embedded");
  registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
});
afterAll(async () => {
  registry?.close();
  await running?.stop();
});

/** Two stages of which the first has the release `one`, and hosts that run nothing. */
async function world(gates: typeof noGates): Promise<Workspace> {
  const stages = [stage({ name: "dev" }), stage({ name: "test", after: ["dev"], gates })];
  const shop = environment(stages, { directory: "/nowhere" });
  const repository = { registry, path: "shop", serveEmbedded: undefined, cache: undefined };
  const release = await pushRelease(registry, "shop", "one");
  await new Ledger(repository, shop.name, "dev").append(changeOf("dev", release), undefined);
  const host = emptyHost("a");
  const engine = {
    name: "a",
    containers: async () => host.containers,
    ...{ networks: async () => [], volumes: async () => [], images: async () => [], image: async () => undefined },
  } as unknown as Engine;
  return {
    ...{ environment: shop, clock: systemClock, variables: {}, progress: silent, lockWait: undefined },
    ...{ signal: new AbortController().signal, situation: new Situation(), problems: [] },
    connections: { engine: async () => engine, repository: async () => repository },
  } as unknown as Workspace;
}

const dryRun = { release: "one", to: undefined, force: false, dryRun: true };

it("says in a dry run what the pipeline itself would be held back by", async () => {
  const approvals = { count: 1, by: undefined, notAuthor: false };
  const { stages } = await runPipeline(await world({ ...noGates, approvals }), dryRun);
  expect(stages.map(({ outcome }) => outcome)).toEqual(["unchanged", "closed"]);
  expect(stages[1]?.closed).toMatchObject({
    ...{ code: "gate-closed", exitCode: 3 },
    evidence: expect.arrayContaining([expect.stringContaining("approvals: ")]),
  });
  const open = await runPipeline(await world(noGates), dryRun);
  expect(open.stages.map(({ outcome }) => outcome)).toEqual(["unchanged", "would-deploy"]);
});
