import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { stageReleases } from "../../src/promotion/current.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import type { StageRecord } from "../../src/promotion/record.ts";
import type { Registry, StoredManifest } from "../../src/registry/registry.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { stage } from "../plan/world.ts";

/** As a stage has them that is verified every few minutes. */
const proofs = 210;

/** Of a registry what a history needs: records are in their manifests. */
function registryInMemory(): Registry {
  const manifests = new Map<string, StoredManifest>();
  const registry: Partial<Registry> = {
    host: "memory",
    head: async (_, reference) => manifests.get(reference)?.descriptor,
    manifest: async (_, reference) => manifests.get(reference),
    uploadBlob: async () => {},
    putManifest: async (_, reference, manifest) => {
      for (const name of [reference, manifest.descriptor.digest]) manifests.set(name, manifest);
    },
  };
  return registry as Registry;
}

function recordOf(kind: StageRecord["kind"], name: string): StageRecord {
  return {
    ...{ version: 1, kind, outcome: "succeeded", environment: "shop", stage: "prod", from: undefined },
    release: { name, digest: digestOf(name), commit: undefined, dirty: false, fingerprint: name },
    ...{ hosts: ["ssh://a"], services: {}, by: "alice@laptop", at: "2026-01-01T00:00:00Z", reason: undefined },
  };
}

describe("the releases of a stage", () => {
  it("are known however often it was verified since they came", async () => {
    const repository = { registry: registryInMemory(), path: "app", serveEmbedded: undefined, cache: undefined };
    const ledger = new Ledger(repository, "shop", "prod");
    for (const name of ["a", "b"]) await ledger.append(recordOf("promote", name), undefined);
    for (let count = 0; count < proofs; count += 1) await ledger.append(recordOf("verify", "b"), undefined);
    const workspace = {
      environment: { name: "shop" },
      connections: { repository: async () => repository },
      signal: new AbortController().signal,
    };
    const releases = await stageReleases(workspace as unknown as Workspace, stage({ name: "prod" }));
    expect(releases.map(({ name }) => name)).toEqual(["b", "a"]);
  });
});
