import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { pageSize } from "../../src/promotion/history-pages.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import type { StageRecord } from "../../src/promotion/record.ts";
import { verifyLedger } from "../../src/promotion/verify-history.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { type RunningRegistry, startRegistry } from "../registry/registries.ts";

const { signal } = new AbortController();
const place = { environment: "shop", stage: "prod" };
const tag = "envctl-history.shop.prod";
const records = 2 * pageSize + 5;

let running: RunningRegistry;
let registry: Registry;
let asked: string[] = [];
let counted: Registry;
const folders: string[] = [];

/** A machine that has read nothing yet. */
function machine(): { readonly ledger: Ledger; readonly cache: ManifestCache } {
  const folder = mkdtempSync(join(tmpdir(), "envctl-pages-"));
  folders.push(folder);
  const cache = new ManifestCache(folder);
  const repository = { registry: counted, path: "app", serveEmbedded: undefined, cache };
  return { ledger: new Ledger(repository, place.environment, place.stage), cache };
}

function recordOf(number: number): StageRecord {
  return {
    ...{ version: 1, kind: "down", outcome: "succeeded", ...place, release: undefined, from: undefined },
    ...{ hosts: ["ssh://a"], services: {}, by: "alice@laptop", reason: `number ${number}` },
    at: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
  };
}

async function read(ledger: Ledger, limit: number): Promise<(string | undefined)[]> {
  asked = [];
  const reasons: (string | undefined)[] = [];
  for await (const { record } of ledger.entries(limit, signal)) reasons.push(record.reason);
  return reasons;
}

const down = (from: number, to = 1) => Array.from({ length: from - to + 1 }, (_, index) => `number ${from - index}`);
const page = (number: number) => `${tag}.page.${number}`;

beforeAll(async () => {
  running = await startRegistry("embedded");
  registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
  counted = new Proxy(registry, {
    get(target, property: keyof Registry) {
      const value = target[property];
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (["manifest", "head", "readBlob"].includes(property)) asked.push(String(args[1]));
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  const { ledger } = machine();
  for (let number = 1; number <= records; number += 1) await ledger.append(recordOf(number), undefined, signal);
});

afterAll(async () => {
  registry?.close();
  await running?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Puts another text in the place of a page's, as somebody could who may push there. */
async function forge(number: number, change: (lines: string[]) => string[]): Promise<void> {
  const manifest = await registry.manifest("app", page(number));
  const config = JSON.parse(Buffer.from(manifest?.bytes ?? "").toString("utf8")).config;
  const text = Buffer.from(await registry.readBlob("app", config.digest)).toString("utf8");
  const content = Buffer.from(`${change(text.trimEnd().split("\n")).join("\n")}\n`);
  const descriptor = { mediaType: config.mediaType, digest: digestOf(content), size: content.length };
  await registry.uploadBlob("app", descriptor, async (offset) => Readable.from([content.subarray(offset)]));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: descriptor, layers: [descriptor] }));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  await registry.putManifest("app", page(number), {
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
    bytes,
  });
}

describe("a history that is kept by the page, too", () => {
  it("is read by a machine that never did with two requests for each hundred", async () => {
    const { ledger } = machine();
    expect(await read(ledger, 1000)).toEqual(down(records));
    // The head, four records behind the last page, and the pages.
    expect(asked.length).toBeLessThanOrEqual(1 + 4 + 2 * 2);
    expect(await read(ledger, 1000)).toEqual(down(records));
    expect(asked).toEqual([tag]);
  });

  it("needs no page where few records are wanted, and only those pages that hold some of them", async () => {
    expect(await read(machine().ledger, 3)).toEqual(down(records, records - 2));
    expect(asked.filter((one) => one.includes(".page."))).toEqual([]);
    expect(await read(machine().ledger, 20)).toEqual(down(records, records - 19));
    expect(asked.filter((one) => one.includes(".page."))).toEqual([page(2)]);
  });

  it("is proven without them", async () => {
    const { cache, ledger } = machine();
    await read(ledger, 1000);
    asked = [];
    const repository = { registry: counted, path: "app", serveEmbedded: undefined, cache };
    const found = await verifyLedger({ repository, attested: repository }, place, [], signal);
    expect([found.records, found.problems]).toEqual([records, []]);
    expect(asked.filter((one) => one.includes(".page."))).toEqual([]);
    expect(asked.length).toBeGreaterThan(records);
  });

  it("is what the chain says, whatever is on a page", async () => {
    await forge(1, (lines) => lines.map((line, index) => (index === 50 ? line.replace("config", "c0nfig") : line)));
    expect(await read(machine().ledger, 1000)).toEqual(down(records));
    await forge(1, (lines) => lines.reverse());
    expect(await read(machine().ledger, 1000)).toEqual(down(records));
    await forge(1, () => ["nonsense", "", "{}"]);
    expect(await read(machine().ledger, 1000)).toEqual(down(records));
    await registry.deleteManifest("app", page(1));
    expect(await read(machine().ledger, 1000)).toEqual(down(records));
  });
});
