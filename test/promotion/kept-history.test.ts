import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import type { LedgerEntry, StageRecord } from "../../src/promotion/record.ts";
import { verifyLedger } from "../../src/promotion/verify-history.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry, StoredManifest } from "../../src/registry/registry.ts";
import type { OpenRepository } from "../../src/rollout/connections.ts";
import type { Signer } from "../../src/signing/envelope.ts";
import { formatPublicKey, parsePublicKey } from "../../src/signing/public-key.ts";
import { type RunningRegistry, startRegistry } from "../registry/registries.ts";

const signal = new AbortController().signal;
const place = { environment: "shop", stage: "prod" };
const tag = "envctl-history.shop.prod";
/** More than are asked for side by side. */
const many = 40;
const few = 8;

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const key = parsePublicKey("alice", formatPublicKey(publicKey, "alice"));
if (!key) throw new Error("no key");
const signer: Signer = { keyId: key.id, sign: async (data) => sign(null, data, privateKey) };

function recordOf(number: number, kind: StageRecord["kind"] = "down"): StageRecord {
  return {
    ...{ version: 1, kind, outcome: "succeeded", ...place, release: undefined, from: undefined },
    ...{ hosts: ["ssh://a"], services: {}, by: "alice@laptop", reason: `number ${number}` },
    at: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
  };
}

let running: RunningRegistry;
let registry: Registry;
/** What the registry was asked for, in order. */
let asked: string[] = [];
let folder: string;

beforeAll(async () => {
  running = await startRegistry("embedded");
  registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
  await fill("long", many);
});
afterAll(async () => {
  registry?.close();
  await running?.stop();
});
beforeEach(() => {
  asked = [];
  folder = mkdtempSync(join(tmpdir(), "envctl-records-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** As a command opens it: on this machine, or on one that keeps nothing. */
function repositoryOf(path: string, cache: ManifestCache | undefined): OpenRepository {
  const counted = new Proxy(registry, {
    get(target, property: keyof Registry) {
      const value = target[property];
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (property === "manifest" || property === "head") asked.push(`${property} ${args[1]}`);
        return (value as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { registry: counted, path, serveEmbedded: undefined, cache };
}

const here = (path: string) =>
  new Ledger(repositoryOf(path, new ManifestCache(folder)), place.environment, place.stage);
const elsewhere = (path: string) => new Ledger(repositoryOf(path, undefined), place.environment, place.stage);

async function fill(path: string, last: number): Promise<void> {
  const ledger = elsewhere(path);
  for (let number = 1; number <= last; number += 1) await ledger.append(recordOf(number), signer);
}

interface Read {
  readonly reasons: readonly (string | undefined)[];
  readonly digests: readonly string[];
  /** All else of each. */
  readonly texts: readonly string[];
  readonly requests: readonly string[];
}

async function read(ledger: Ledger, limit = Number.POSITIVE_INFINITY): Promise<Read> {
  asked = [];
  const entries: LedgerEntry[] = [];
  for await (const entry of ledger.entries(limit, signal)) entries.push(entry);
  return {
    reasons: entries.map(({ record }) => record.reason),
    digests: entries.map(({ digest }) => digest),
    texts: entries.map((entry) => JSON.stringify({ ...entry, envelope: String(entry.envelope.payload) })),
    requests: asked,
  };
}

async function problems(path: string): Promise<string[]> {
  const repository = repositoryOf(path, new ManifestCache(folder));
  const found = await verifyLedger({ repository, attested: repository }, place, key ? [key] : [], signal);
  return found.problems.map(({ sequence, what }) => `${sequence}: ${what}`);
}

const down = (from: number, to = 1) => Array.from({ length: from - to + 1 }, (_, index) => `number ${from - index}`);

/** Changes the file in which the records are kept. */
function damage(change: (text: string) => string): void {
  const [name = ""] = readdirSync(folder);
  const file = join(folder, name);
  const text = readFileSync(file, "utf8");
  expect(change(text)).not.toBe(text);
  writeFileSync(file, change(text));
}

async function stored(path: string, reference: string): Promise<StoredManifest> {
  const found = await registry.manifest(path, reference);
  if (!found) throw new Error("the manifest is not there");
  return found;
}

describe("a history that this machine has read before", () => {
  it("costs one request, and tells the same", async () => {
    const first = await read(here("long"));
    expect([first.reasons, first.requests.length]).toEqual([down(many), many]);
    const second = await read(here("long"));
    expect(second).toEqual({ ...first, requests: [`manifest ${tag}`] });
    expect((await read(elsewhere("long"))).texts).toEqual(first.texts);
  });

  it("costs one request for each record that was added since", async () => {
    await fill("added", few);
    await read(here("added"));
    for (const number of [few + 1, few + 2, few + 3]) await elsewhere("added").append(recordOf(number), signer);
    const next = await read(here("added"));
    expect([next.reasons, next.requests.length]).toEqual([down(few + 3), 3]);
    const newest = await read(here("added"), 5);
    expect([newest.reasons, newest.requests.length]).toEqual([down(few + 3, few - 1), 1]);
  });

  it("is read on from where it was left", async () => {
    await read(here("long"), 20);
    const whole = await read(here("long"));
    expect([whole.reasons, whole.requests.length]).toEqual([down(many), 1 + many - 20]);
  });

  it("has what this machine has added itself", async () => {
    for (const number of [1, 2, 3]) {
      await here("own").append(recordOf(number, number === 1 ? "down" : "verify"), signer);
    }
    asked = [];
    expect((await here("own").newestChange(signal))?.sequence).toBe(1);
    expect(asked).toEqual([`manifest ${tag}`]);
  });

  it("is asked for again where what was kept is damaged", async () => {
    const first = await read(here("long"));
    damage((text) => text.replaceAll('"data":"', '"data":"AAAA'));
    const second = await read(here("long"));
    expect(second.texts).toEqual(first.texts);
    expect(second.requests.length).toBeGreaterThanOrEqual(many);
    expect((await read(here("long"))).requests).toHaveLength(1);
    damage((text) =>
      text
        .split("\n")
        .map((line, index) => (index === 20 ? line.slice(0, -40) : line))
        .join("\n"),
    );
    const third = await read(here("long"));
    expect(third.texts).toEqual(first.texts);
    expect(third.requests.length).toBeLessThan(many);
  });

  it("is no other history that had the same name before", async () => {
    await fill("other", many);
    const { digests } = await read(here("other"));
    for (const digest of digests) await registry.deleteManifest("other", digest);
    expect(await read(here("other"))).toMatchObject({ reasons: [] });
    for (let number = 1; number <= many; number += 1) await elsewhere("other").append(recordOf(100 + number), signer);
    const next = await read(here("other"), many);
    expect(next.reasons).toEqual(down(100 + many, 101));
    // Side by side, that is: what seems to be at hand is not waited for one by one.
    expect(next.requests.filter((request) => request.includes("sha256:"))).toEqual([]);
    expect(next.requests).toHaveLength(many);
  });
});

describe("proving a history that this machine has read before", () => {
  it("reads each record from the registry, once", async () => {
    await read(here("long"));
    asked = [];
    expect(await problems("long")).toEqual([]);
    const records = Array.from({ length: many - 1 }, (_, index) => `manifest ${tag}.${index + 1}`);
    const rest = [`manifest ${tag}`, `head ${tag}.${many}`, `head ${tag}.${many + 1}`];
    expect([...asked].sort()).toEqual([...records, ...rest].sort());
  });

  it("finds a record that was removed", async () => {
    await fill("removed", few);
    const { digests } = await read(here("removed"));
    await registry.deleteManifest("removed", digests[3] ?? "");
    // For who only looks, the chain is whole here still.
    expect((await read(here("removed"))).digests).toEqual(digests);
    expect((await problems("removed")).join("\n")).toMatch(new RegExp(`^${few - 3}: .*is missing`, "m"));
    await expect(read(elsewhere("removed"))).rejects.toMatchObject({ code: "ledger-broken", exitCode: 6 });
  });

  it("finds a record whose tag leads to another", async () => {
    await fill("moved", few);
    const { digests } = await read(here("moved"));
    await registry.putManifest("moved", `${tag}.3`, await stored("moved", `${tag}.4`));
    expect(await problems("moved")).toEqual(["3: its tag leads to another record"]);
    expect((await read(here("moved"))).digests).toEqual(digests);
  });

  it("finds that the newest was altered, or cut off", async () => {
    await fill("altered", few);
    const { digests } = await read(here("altered"));
    const altered = await alteredRecord("altered", `${tag}.${few}`);
    await registry.putManifest("altered", tag, altered);
    expect((await read(here("altered"))).digests).toEqual([altered.descriptor.digest, ...digests.slice(1)]);
    expect(await problems("altered")).toEqual([
      `${few}: no key of this environment signed it (it says ${signer.keyId})`,
      `${few}: its tag leads to another record`,
    ]);
    await registry.putManifest("altered", tag, await stored("altered", `${tag}.${few - 1}`));
    expect(await problems("altered")).toEqual([`${few}: it is there, but the history ends before it`]);
    expect((await read(here("altered"))).digests).toEqual(digests.slice(1));
  });
});

/** The record as somebody else would have liked it. */
async function alteredRecord(path: string, reference: string): Promise<StoredManifest> {
  const { descriptor, bytes } = await stored(path, reference);
  const document = JSON.parse(Buffer.from(bytes).toString()) as { config: { data: string } };
  const envelope = JSON.parse(Buffer.from(document.config.data, "base64").toString()) as { payload: string };
  const payload = Buffer.from(envelope.payload, "base64").toString().replace("alice@laptop", "mallory@laptop");
  const content = Buffer.from(JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString("base64") }));
  const blob = { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length };
  await registry.uploadBlob(path, blob, async (offset) => Readable.from([content.subarray(offset)]));
  const config = { ...blob, data: content.toString("base64") };
  const written = Buffer.from(JSON.stringify({ ...document, config, layers: [blob] }));
  return { descriptor: { ...descriptor, digest: digestOf(written), size: written.length }, bytes: written };
}
