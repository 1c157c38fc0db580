import { Buffer } from "node:buffer";
import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { StoredManifest } from "../registry/registry.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { readEnvelope, type Signer } from "../signing/envelope.ts";
import { isChange, type LedgerEntry, parseRecord, type StageRecord } from "./record.ts";
import { readArtifact, type SignedArtifact, storeStatement } from "./signed-artifact.ts";
import { parseStatement, type ReadStatement, statementOf } from "./statement.ts";

/** How many records are asked for side by side. */
const width = 16;

/**
 * One stage's history: signed statements (in-toto in DSSE), kept as OCI artifacts in the image's repository with the image as
 * their subject, each naming the digest of the one before. A tag points at the newest, and each record has a tag of its
 * own, so that no registry's garbage collection takes it away.
 * Append only while holding the stage's lock: registries have no compare-and-swap.
 */
export class Ledger {
  readonly #repository: OpenRepository;
  readonly #tag: string;
  /** Records that were added here, or should have been: others are told of them once the stage is free again. */
  readonly news: StageRecord[] = [];

  constructor(repository: OpenRepository, environment: string, stage: string) {
    this.#repository = repository;
    this.#tag = `envctl-history.${environment}.${stage}`;
  }

  /** The newest record, or undefined where there is none yet. One request. */
  async head(signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    return await this.#entry(this.#tag, signal);
  }

  /** The newest record that tells what the stage runs. */
  async newestChange(signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    for await (const entry of this.entries(Number.POSITIVE_INFINITY, signal)) if (isChange(entry.record)) return entry;
    return undefined;
  }

  /** Records from the newest to the oldest, at most `limit`. Throws `ledger-broken` (exit 6) where one is missing. */
  async *entries(limit: number, signal?: AbortSignal): AsyncGenerator<LedgerEntry> {
    let entry = await this.head(signal);
    const ahead = new Map<number, Promise<LedgerEntry | undefined>>();
    let asked = entry?.sequence ?? 0;
    const last = asked - limit;
    for (let count = 0; entry && count < limit; count += 1) {
      yield entry;
      if (entry.previous === undefined) return;
      const { previous, sequence }: LedgerEntry = entry;
      // The first few are all that most callers want; of long histories many are on their way at any time.
      const until = count > 0 ? Math.max(1, last + 1, sequence - width) : asked;
      for (; asked > until; asked -= 1) ahead.set(asked - 1, this.#guess(asked - 1, signal));
      const guessed = await ahead.get(sequence - 1);
      ahead.delete(sequence - 1);
      signal?.throwIfAborted();
      entry = guessed?.digest === previous ? guessed : await this.#entry(previous, signal);
      if (!entry) throw broken(`the record ${previous} is missing`, this.where);
    }
  }

  /** Adds a record, signed where there is a signer. */
  async append(record: StageRecord, signer: Signer | undefined, signal?: AbortSignal): Promise<LedgerEntry> {
    this.news.push(record);
    const head = await this.head(signal);
    const link = { sequence: (head?.sequence ?? 0) + 1, previous: head?.digest };
    const artifact = await storeStatement(this.#repository, statementOf(record, link), {
      about: record.release?.digest,
      tags: [this.tagOf(link.sequence), this.#tag],
      signer,
      signal,
    });
    return this.#read(artifact);
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

  /** A record by its own tag. Only a guess: which record comes next, the chain of digests says. */
  #guess(sequence: number, signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    return this.#entry(this.tagOf(sequence), signal).catch(() => undefined);
  }

  async #entry(reference: string, signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    const artifact = await readArtifact(this.#repository, reference, (what) => broken(what, this.where), signal);
    return artifact && this.#read(artifact);
  }

  #read({ manifest, content }: SignedArtifact): LedgerEntry {
    const { digest } = manifest.descriptor;
    const text = content.toString("utf8");
    const envelope = readEnvelope(text);
    const statement = envelope && parseStatement(envelope.payload.toString("utf8"));
    if (envelope && statement) return { ...statement, digest, envelope };
    const unsigned = readUnsigned(text, manifest);
    if (!unsigned) throw broken(`the record ${digest} cannot be read`, this.where);
    return { ...unsigned, digest, envelope: { payload: Buffer.from(text), signatures: [] } };
  }
}

/** As envctl wrote records before it signed them: the record alone, and its place in the annotations. */
function readUnsigned(text: string, manifest: StoredManifest): ReadStatement | undefined {
  const record = parseRecord(parseJson(text));
  const value = parseJson(Buffer.from(manifest.bytes).toString("utf8"));
  const annotations = isObject(value) && isObject(value.annotations) ? value.annotations : {};
  const previous = annotations["envctl.previous"];
  const sequence = Number(annotations["envctl.sequence"]);
  if (!record || !Number.isSafeInteger(sequence)) return undefined;
  const before = typeof previous === "string" && isDigest(previous) ? previous : undefined;
  return { record, sequence, previous: before, subjects: record.release ? [record.release.digest] : [] };
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
