import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import type { Descriptor, StoredManifest } from "../registry/registry.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { readEnvelope, type Signer, sealStatement } from "../signing/envelope.ts";
import { type LedgerEntry, parseRecord, type StageRecord } from "./record.ts";
import { parseStatement, type ReadStatement, statementOf } from "./statement.ts";

const envelopeType = "application/vnd.dsse.envelope.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/**
 * One stage's history: signed statements (in-toto in DSSE), kept as OCI artifacts in the image's repository with the image as
 * their subject, each naming the digest of the one before. A tag points at the newest, and each record has a tag of its
 * own, so that no registry's garbage collection takes it away.
 * Append only while holding the stage's lock: registries have no compare-and-swap.
 */
export class Ledger {
  readonly #repository: OpenRepository;
  readonly #tag: string;

  constructor(repository: OpenRepository, environment: string, stage: string) {
    this.#repository = repository;
    this.#tag = `envctl-history.${environment}.${stage}`;
  }

  /** The newest record, or undefined where there is none yet. One request. */
  async head(signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    return await this.#entry(this.#tag, signal);
  }

  /** Records from the newest to the oldest, at most `limit`. */
  async *entries(limit: number, signal?: AbortSignal): AsyncGenerator<LedgerEntry> {
    let entry = await this.head(signal);
    for (let count = 0; entry && count < limit; count += 1) {
      yield entry;
      if (entry.previous === undefined) return;
      const { previous } = entry;
      entry = await this.#entry(previous, signal);
      if (!entry) throw broken(`the record ${previous} is missing`, this.where);
    }
  }

  /** Adds a record, signed where there is a signer. */
  async append(record: StageRecord, signer: Signer | undefined, signal?: AbortSignal): Promise<LedgerEntry> {
    const { registry, path } = this.#repository;
    const head = await this.head(signal);
    const link = { sequence: (head?.sequence ?? 0) + 1, previous: head?.digest };
    const content = await sealStatement(statementOf(record, link), signer);
    const descriptor = { mediaType: envelopeType, digest: digestOf(content), size: content.length };
    const [subject] = await Promise.all([
      record.release && registry.head(path, record.release.digest, signal),
      registry.uploadBlob(path, descriptor, async (offset) => Readable.from([content.subarray(offset)]), signal),
    ]);
    const manifest = manifestOf(descriptor, content, subject);
    await registry.putManifest(path, this.tagOf(link.sequence), manifest, signal);
    await registry.putManifest(path, this.#tag, manifest, signal);
    return this.#read(manifest, content);
  }

  /** The digest that the tag of this record has; undefined where there is none. */
  async recordAt(sequence: number, signal?: AbortSignal): Promise<Digest | undefined> {
    return (await this.#repository.registry.head(this.#repository.path, this.tagOf(sequence), signal))?.digest;
  }

  tagOf(sequence: number): string {
    return `${this.#tag}.${sequence}`;
  }

  get where(): string {
    return `${this.#repository.registry.host}/${this.#repository.path}:${this.#tag}`;
  }

  async #entry(reference: string, signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    const { registry, path } = this.#repository;
    const manifest = await registry.manifest(path, reference, signal);
    if (!manifest) return undefined;
    const { digest, data } = contentOf(manifest, this.where);
    const content = data ?? (await registry.readBlob(path, digest, signal));
    if (digestOf(content) !== digest) {
      throw broken(`the record ${reference} is not what its digest says`, this.where);
    }
    return this.#read(manifest, content);
  }

  #read(manifest: StoredManifest, content: Uint8Array): LedgerEntry {
    const { digest } = manifest.descriptor;
    const text = Buffer.from(content).toString("utf8");
    const envelope = readEnvelope(text);
    const statement = envelope && parseStatement(envelope.payload.toString("utf8"));
    if (envelope && statement) return { ...statement, digest, envelope };
    const unsigned = readUnsigned(text, manifest);
    if (!unsigned) throw broken(`the record ${digest} cannot be read`, this.where);
    return { ...unsigned, digest, envelope: { payload: Buffer.from(text), signatures: [] } };
  }
}

/** The content rides along in `data` (OCI image-spec, descriptor.md), so that reading a record is one request. */
function manifestOf(descriptor: Descriptor, content: Buffer, subject: Descriptor | undefined): StoredManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: envelopeType,
      config: { ...descriptor, data: content.toString("base64") },
      layers: [descriptor],
      ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
    }),
  );
  return { descriptor: { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** As envctl wrote records before it signed them: the record alone, and its place in the annotations. */
function readUnsigned(text: string, manifest: StoredManifest): ReadStatement | undefined {
  const record = parseRecord(parseJson(text));
  const { annotations } = parseJson(Buffer.from(manifest.bytes).toString("utf8")) as {
    annotations?: Readonly<Record<string, unknown>>;
  };
  const previous = annotations?.["envctl.previous"];
  const sequence = Number(annotations?.["envctl.sequence"]);
  if (!record || !Number.isSafeInteger(sequence)) return undefined;
  const before = typeof previous === "string" && isDigest(previous) ? previous : undefined;
  return { record, sequence, previous: before, subjects: record.release ? [record.release.digest] : [] };
}

function contentOf(manifest: StoredManifest, where: string): { digest: Digest; data: Uint8Array | undefined } {
  const value: unknown = JSON.parse(Buffer.from(manifest.bytes).toString("utf8"));
  const { config } = (value ?? {}) as { config?: { digest?: unknown; data?: unknown } };
  if (typeof config?.digest !== "string" || !isDigest(config.digest)) throw broken("a record has no content", where);
  return {
    digest: config.digest,
    data: typeof config.data === "string" ? Buffer.from(config.data, "base64") : undefined,
  };
}

function broken(what: string, where: string): EnvctlError {
  return new EnvctlError({
    code: "ledger-broken",
    exitCode: ExitCode.identityMismatch,
    what: `the stage's history is broken: ${what}`,
    where,
    state: "what runs is untouched",
    next: "somebody changed the history in the registry: ask who can push there",
  });
}
