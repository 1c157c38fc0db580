import { generateKeyPairSync, sign } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Digest, digestOf } from "../../src/base/digest.ts";
import { type Attestation, Attestations, type NewAttestation } from "../../src/promotion/attestations.ts";
import { Ledger } from "../../src/promotion/ledger.ts";
import type { LedgerEntry, StageRecord } from "../../src/promotion/record.ts";
import { verifyLedger } from "../../src/promotion/verify-history.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry, StoredManifest } from "../../src/registry/registry.ts";
import { type Signer, statementType } from "../../src/signing/envelope.ts";
import { formatPublicKey, parsePublicKey } from "../../src/signing/public-key.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { content, descriptor, imageManifest, layerType, manifest } from "../registry/content.ts";
import { type RunningRegistry, registryKinds, startRegistry } from "../registry/registries.ts";

const signal = new AbortController().signal;
const path = "team/shop-prod";
const images = "team/shop";
const place = { environment: "shop", stage: "prod" };
const tag = "envctl-history.shop.prod";

function keyOf(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const trusted = parsePublicKey(name, formatPublicKey(publicKey, name));
  if (!trusted) throw new Error("no key");
  const signer: Signer = { keyId: trusted.id, sign: async (data) => sign(null, data, privateKey) };
  return { trusted, signer };
}

const [alice, mallory] = [keyOf("alice"), keyOf("mallory")];

function recordOf(number: number, image: Digest): StageRecord {
  return {
    version: 1,
    kind: "promote",
    outcome: "succeeded",
    ...place,
    release: { name: `r${number}`, digest: image, commit: "0a1b2c3", dirty: false, fingerprint: "f00d" },
    from: "test",
    hosts: ["ssh://a", "ssh://b"],
    services: { db: digestOf("db") },
    by: "alice@laptop",
    at: `2026-01-0${number}T10:00:00.000Z`,
    reason: undefined,
  };
}

/** Of the last record: what only some kinds have. */
const more: Partial<StageRecord> = {
  checks: [{ name: "home", outcome: "passed", took: 12, tries: 1 }],
  gates: [{ gate: "soak", outcome: "open", found: "an hour" }],
  override: { gate: "window", reason: "a fire" },
};

const recordFields = [
  ...["version", "kind", "outcome", "environment", "stage", "release", "from", "hosts", "services", "by", "at"],
  ...["checks", "gates", "override", "attestations"],
];

const approvalTag = "approval.1";

const approvalOf = (image: Digest): NewAttestation => ({
  tag: approvalTag,
  predicateType: "urn:example:approval",
  predicate: { comment: "go" },
  subject: { name: "shop:r4", digest: image },
});

describeLab("a signed history", () => {
  describe.each(registryKinds)("in %s", (kind) => {
    let running: RunningRegistry;
    let registry: Registry;
    /** All that is shown must show to who has read the history before. */
    let cache: ManifestCache;
    let image: Digest;
    let approval: Attestation;
    let entries: LedgerEntry[];
    let manifests: StoredManifest[];

    beforeAll(async () => {
      running = await startRegistry(kind);
      registry = openRegistry(running.host, { credentials: async () => undefined, variables: {} });
      cache = new ManifestCache(join(running.directory, "records"));
      image = await pushImage();
      const ledger = new Ledger(at(path), place.environment, place.stage);
      approval = await new Attestations(at(images)).add(approvalOf(image), alice.signer);
      entries = [];
      for (const number of [1, 2, 3]) entries.push(await ledger.append(recordOf(number, image), alice.signer));
      const last = { ...recordOf(4, image), ...more, attestations: [approval.digest] };
      entries.push(await ledger.append(last, alice.signer));
      manifests = await Promise.all(entries.map(async ({ digest }) => stored(await registry.manifest(path, digest))));
    }, 60_000);

    afterAll(async () => {
      registry?.close();
      await running?.stop();
    });

    const at = (where: string) => ({ registry, path: where, serveEmbedded: undefined, cache });
    const verify = async (keys = [alice.trusted]) =>
      await verifyLedger({ repository: at(path), attested: at(images) }, place, keys, signal);
    const problems = async () => (await verify()).problems.map(({ sequence, what }) => `${sequence}: ${what}`);
    const put = (reference: string, found: StoredManifest | undefined) =>
      registry.putManifest(path, reference, stored(found));

    /** Puts everything back as it was written. */
    async function mend(): Promise<void> {
      for (const [index, found] of manifests.entries()) await put(`${tag}.${index + 1}`, found);
      await put(tag, manifests.at(-1));
    }

    /** As somebody would who can push to the registry, and has no key that counts. */
    async function replace(number: number, change: (statement: Statement) => unknown, signer?: Signer): Promise<void> {
      const found = stored(manifests[number - 1]);
      const document = JSON.parse(Buffer.from(found.bytes).toString()) as { config: { data: string } };
      const envelope = JSON.parse(Buffer.from(document.config.data, "base64").toString()) as Envelope;
      const statement = JSON.parse(Buffer.from(envelope.payload, "base64").toString()) as Statement;
      change(statement);
      const payload = Buffer.from(JSON.stringify(statement));
      if (signer) {
        const data = Buffer.from(`DSSEv1 ${statementType.length} ${statementType} ${payload.length} ${payload}`);
        envelope.signatures = [{ keyid: signer.keyId, sig: (await signer.sign(data)).toString("base64") }];
      }
      const bytes = Buffer.from(JSON.stringify({ ...envelope, payload: payload.toString("base64") }));
      const blob = { mediaType: "application/vnd.dsse.envelope.v1+json", digest: digestOf(bytes), size: bytes.length };
      await registry.uploadBlob(path, blob, async (offset) => Readable.from([bytes.subarray(offset)]));
      const forged = { ...document, config: { ...blob, data: bytes.toString("base64") }, layers: [blob] };
      const next = Buffer.from(JSON.stringify(forged));
      const { mediaType } = found.descriptor;
      const description = { mediaType, digest: digestOf(next), size: next.length };
      for (const reference of [`${tag}.${number}`, ...(number === manifests.length ? [tag] : [])])
        await put(reference, { descriptor: description, bytes: next });
    }

    async function pushImage(): Promise<Digest> {
      const config = content(JSON.stringify({ os: "linux", architecture: "amd64", config: {} }));
      const layer = content(`layer ${kind}`);
      const found = imageManifest(config, [layer]);
      for (const where of [path, images]) {
        for (const blob of [config, layer]) {
          await registry.uploadBlob(where, descriptor(blob, layerType), async (offset) =>
            Readable.from([blob.bytes.subarray(offset)]),
          );
        }
        await registry.putManifest(where, found.descriptor.digest, found);
      }
      return found.descriptor.digest;
    }

    it("is whole: in order, signed, and found from its image", async () => {
      const { problems: none, signed, signers } = await verify();
      expect([none, signed, signers[0]]).toEqual([[], 4, { sequence: 4, by: "alice" }]);
      const referrers = await registry.referrers(path, image);
      expect(referrers.map(({ digest }) => digest).sort()).toEqual(entries.map(({ digest }) => digest).sort());
    });

    const fields: [string, (statement: Statement) => unknown][] = [
      ...recordFields.map((field): [string, (statement: Statement) => unknown] => [
        field,
        ({ predicate }) => altered(predicate, field),
      ]),
      ...["name", "digest", "commit", "dirty", "fingerprint"].map(
        (field): [string, (statement: Statement) => unknown] => [
          `release.${field}`,
          ({ predicate }) => altered(predicate.release as Record<string, unknown>, field),
        ],
      ),
      ["reason", ({ predicate }) => Object.assign(predicate, { reason: "it did not fail" })],
      ["sequence", ({ predicate }) => altered(predicate, "sequence")],
      ["previous", ({ predicate }) => Object.assign(predicate, { previous: entries[0]?.digest })],
      ["subject", (statement) => Object.assign(statement, { subject: [] })],
    ];

    it.each(fields)("shows that the newest record's %s was altered", async (_, change) => {
      await replace(4, change);
      expect((await problems()).join("\n")).toMatch(/^(4|5|undefined): /m);
      await mend();
      expect(await problems()).toEqual([]);
    });

    it("shows an older record that was altered, even where it was signed anew with another key", async () => {
      await replace(2, ({ predicate }) => altered(predicate, "by"), mallory.signer);
      expect(await problems()).toEqual(["2: its tag leads to another record"]);
      await mend();
      await replace(4, ({ predicate }) => altered(predicate, "by"), mallory.signer);
      expect(await problems()).toEqual([`4: no key of this environment signed it (it says ${mallory.trusted.id})`]);
      await mend();
    });

    it("shows a record that was removed, and records that changed places", async () => {
      await put(`${tag}.2`, manifests[2]);
      await put(`${tag}.3`, manifests[1]);
      expect((await problems()).sort()).toEqual([
        "2: its tag leads to another record",
        "3: its tag leads to another record",
      ]);
      await mend();
      await put(tag, manifests[2]);
      expect(await problems()).toEqual(["4: it is there, but the history ends before it"]);
      await mend();
      await registry.deleteManifest(path, entries[1]?.digest ?? "");
      expect((await problems()).join("\n")).toMatch(/^2: .*is missing/m);
      await mend();
      expect(await problems()).toEqual([]);
    });

    it("shows an attestation that is gone, altered, or of another image, where a record let a release pass by it", async () => {
      const before = stored(await registry.manifest(images, approval.digest));
      await registry.deleteManifest(images, approval.digest);
      expect(await problems()).toEqual([`4: an attestation that it names is gone: ${approval.digest}`]);
      await registry.putManifest(images, approvalTag, before);
      expect(await problems()).toEqual([]);
      expect((await verify([mallory.trusted])).problems).toContainEqual({
        sequence: 4,
        what: `an attestation that it names is not signed by a key of this environment: ${approval.digest}`,
      });
      const other = await new Attestations(at(images)).add({ ...approvalOf(image), tag: "other" }, mallory.signer);
      expect([other.predicateType, other.predicate, other.subjects]).toEqual([
        approval.predicateType,
        approval.predicate,
        [image],
      ]);
      expect((await new Attestations(at(images)).withPrefix("approval.")).map(({ digest }) => digest)).toEqual([
        approval.digest,
      ]);
    });

    it("goes on from records that were written before they were signed", async () => {
      const older = { environment: place.environment, stage: "older" };
      const record = { ...recordOf(1, image), stage: older.stage };
      const bytes = Buffer.from(JSON.stringify(record));
      const blob = { mediaType: "application/vnd.envctl.record.v1+json", digest: digestOf(bytes), size: bytes.length };
      await registry.uploadBlob(path, blob, async (offset) => Readable.from([bytes.subarray(offset)]));
      const annotations = { "envctl.sequence": "1" };
      const found = manifest({ config: { ...blob, data: bytes.toString("base64") }, layers: [blob], annotations });
      for (const reference of [".1", ""]) await put(`envctl-history.shop.older${reference}`, found);
      const repository = at(path);
      const ledger = new Ledger(repository, older.environment, older.stage);
      await ledger.append({ ...recordOf(2, image), stage: older.stage }, alice.signer);
      expect((await ledger.head())?.previous).toBe(found.descriptor.digest);
      expect((await verifyLedger({ repository, attested: repository }, older, [], signal)).problems).toEqual([]);
      expect(
        (await verifyLedger({ repository, attested: repository }, older, [alice.trusted], signal)).problems,
      ).toEqual([{ sequence: 1, what: "it is not signed" }]);
    });

    it("without keys proves the order alone", async () => {
      expect(await verify([])).toMatchObject({ problems: [], signed: 0, records: 4 });
    });
  });
});

interface Envelope {
  payload: string;
  signatures: { keyid: string; sig: string }[];
}
interface Statement {
  readonly predicate: Record<string, unknown>;
}

/** Another value of the same kind. */
function altered(target: Record<string, unknown>, field: string): void {
  const value = target[field];
  if (field === "digest") target[field] = digestOf("another image");
  else if (typeof value === "number") target[field] = value + 1;
  else if (typeof value === "boolean") target[field] = !value;
  else if (field === "kind") target[field] = "up";
  else if (field === "outcome") target[field] = "failed";
  else if (typeof value === "string") target[field] = `${value}x`;
  else if (Array.isArray(value)) target[field] = value.slice(1);
  else target[field] = { ...(value as object), more: "x" };
}

function stored(found: StoredManifest | undefined): StoredManifest {
  if (!found) throw new Error("the manifest is not there");
  return found;
}
