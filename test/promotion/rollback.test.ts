import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import { type Engine, Label, type Labels } from "../../src/engine/engine.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import { recordedRelease, type StageRecord } from "../../src/promotion/record.ts";
import { rollback } from "../../src/promotion/rollback.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { Situation } from "../../src/rollout/situation.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { applied, emptyHost, environment, release, stage } from "../plan/world.ts";
import { type RunningRegistry, startRegistry } from "../registry/registries.ts";

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

/** How each rollout ended: `killed` ones are not in the history, `failed` ones stay on the host, or went back. */
type Past = readonly (readonly [release: string, how: "succeeded" | "killed" | "failed" | "went back"])[];

/** Where a rollback that names no release goes, after that. */
async function wayBack(path: string, past: Past): Promise<string> {
  const place = stage();
  const shop = environment([place], { directory: "/nowhere" });
  const repository = { registry, path, serveEmbedded: undefined, cache: undefined };
  const ledger = new Ledger(repository, shop.name, place.name);
  let host = emptyHost("local");
  for (const [index, [name, how]] of past.entries()) {
    const wanted = { environment: shop, stage: place, release: release(name), pins: {}, secrets: {} };
    const entry: StageRecord = {
      ...{ version: 1, kind: "up", environment: shop.name, stage: place.name, release: recordedRelease(release(name)) },
      ...{ outcome: how === "succeeded" ? how : "failed", from: undefined, hosts: ["local"], services: {} },
      ...{ by: "alice@laptop", at: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(), reason: undefined },
    };
    if (how !== "killed") await ledger.append(entry, undefined);
    if (how !== "went back") host = applied(host, planStage(wanted, [host]).hosts[0]!);
  }
  const engine = {
    name: "local",
    containers: async (labels: Labels) => (labels[Label.role] === "proxy" ? [] : host.containers),
    ...{ networks: async () => [], volumes: async () => [], images: async () => [], image: async () => undefined },
  } as unknown as Engine;
  const workspace = {
    ...{ environment: shop, clock: systemClock, variables: {}, progress: silent, lockWait: undefined },
    ...{ signal: new AbortController().signal, situation: new Situation() },
    connections: { engine: async () => engine, repository: async () => repository },
  } as unknown as Workspace;
  return (await rollback(workspace, place, { release: undefined, dryRun: true })).release.name;
}

it.each<[string, Past, string]>([
  ["from what the history has, to the one before", [], "zero"],
  ["from one that failed and went back, to the one before what serves", [["two", "went back"]], "zero"],
  ["from a rollback that was killed, on to where it went", [["zero", "killed"]], "zero"],
  ["from one that failed and stays, to what served", [["two", "failed"]], "one"],
  ["from one that was killed, or could not be written down, to what served", [["two", "killed"]], "one"],
])("goes %s", async (title, more, expected) => {
  const path = `shop-${title.length}`;
  expect(await wayBack(path, [["zero", "succeeded"], ["one", "succeeded"], ...more])).toBe(expected);
});
