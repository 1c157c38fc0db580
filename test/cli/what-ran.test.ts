import { afterAll, beforeAll, expect, it } from "vitest";
import { Ledger } from "../../src/promotion/ledger.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { changeOf, pushRelease } from "../promotion/pushed-release.ts";
import { type RunningRegistry, startRegistry } from "../registry/registries.ts";
import { ensureBundle, envctl, folder } from "./command.ts";

let running: RunningRegistry;
let registry: Registry;
beforeAll(async () => {
  await ensureBundle();
  running = await startRegistry("embedded");
  registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
}, 60_000);
afterAll(async () => {
  registry?.close();
  await running?.stop();
});

/** A project whose releases and histories are at this path of the registry. */
function project(path: string) {
  const repository = { registry, path, serveEmbedded: undefined, cache: undefined };
  const cwd = folder({
    Dockerfile: "FROM scratch\n",
    "envctl.yaml": [
      "name: shop",
      `image: { repository: "${running.host}/${path}" }`,
      "app: { port: 8080 }",
      "stages: { dev: { hosts: [local] }, test: { hosts: [local] } }",
    ].join("\n"),
  });
  return {
    ledger: (stage: string) => new Ledger(repository, "shop", stage),
    json: async (...words: string[]) =>
      JSON.parse((await envctl([...words, "--json"], { cwd, env: { HOME: cwd } })).stdout),
  };
}

it("tells of a stage whose last rollout failed, and went back, that it runs what it ran", async () => {
  const { ledger, json } = project("failed");
  const [one, two] = [await pushRelease(registry, "failed", "one"), await pushRelease(registry, "failed", "two")];
  await ledger("dev").append(changeOf("dev", two), undefined);
  await ledger("test").append(changeOf("test", one), undefined);
  await ledger("test").append(changeOf("test", two, { outcome: "failed", reason: "not healthy" }), undefined);
  const stagesOf = async () => {
    const { releases } = await json("releases");
    return Object.fromEntries(releases.map((each: { name: string; stages: string[] }) => [each.name, each.stages]));
  };
  expect(await stagesOf()).toEqual({ one: ["test"], two: ["dev"] });
  await ledger("test").append(changeOf("test", undefined, { kind: "down" }), undefined);
  expect(await stagesOf()).toEqual({ one: [], two: ["dev"] });
});

it("has the records of a stage in the order in which they were written, whatever the clocks of their machines said", async () => {
  const { ledger, json } = project("clocks");
  const release = await pushRelease(registry, "clocks", "one");
  const at = (minutes: number) => ({ at: new Date(Date.UTC(2026, 0, 1, 12, minutes)).toISOString() });
  for (const minutes of [0, 0, 30, 10]) await ledger("test").append(changeOf("test", release, at(minutes)), undefined);
  for (const minutes of [5, 20]) await ledger("dev").append(changeOf("dev", release, at(minutes)), undefined);
  const { records } = await json("history");
  const order = records.map(({ stage, sequence }: { stage: string; sequence: number }) => `${stage} ${sequence}`);
  expect(order).toEqual(["dev 2", "test 4", "test 3", "dev 1", "test 2", "test 1"]);
});
