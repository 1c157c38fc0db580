import { Buffer } from "node:buffer";
import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isObject, parseJson } from "../base/json.ts";
import type { ManifestPack } from "../registry/manifest-pack.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { readEnvelope, type Signer } from "../signing/envelope.ts";
import { HistoryPages, pageSize } from "./history-pages.ts";
import { ReadAhead } from "./read-ahead.ts";
import { isChange, type LedgerEntry, parseRecord, type StageRecord } from "./record.ts";
import { openArtifact, readArtifact, type SignedArtifact, storeStatement, textOf } from "./signed-artifact.ts";
import { parseStatement, type ReadStatement, statementOf } from "./statement.ts";

/** How many records are on their way at any time: more than there are connections, so that one slow answer halts none. */
const widest = 32;

/** A record, and how it was come by. */
interface FoundEntry {
  readonly entry: LedgerEntry;
  /** Its own tag led to it. */
  readonly tagged: boolean;
}

/**
 * One stage's history: signed statements (in-toto in DSSE), kept as OCI artifacts in the image's repository with the image as
 * their subject, each naming the digest of the one before. A tag points at the newest, and each record has a tag of its
 * own, so that no registry's garbage collection takes it away. Records never change: those that this machine has read once
 * it need not ask for again, since the chain names them by their digests.
 * Append only while holding the stage's lock: registries have no compare-and-swap.
 */
export class Ledger {
  readonly #repository: OpenRepository;
  readonly #tag: string;
  readonly #kept: ManifestPack | undefined;
  readonly #pages: HistoryPages;
  /** Records that were added here, or should have been: others are told of them once the stage is free again. */
  readonly news: StageRecord[] = [];

  constructor(repository: OpenRepository, environment: string, stage: string) {
    this.#repository = repository;
    this.#tag = `envctl-history.${environment}.${stage}`;
    this.#pages = new HistoryPages(repository, this.#tag);
    const { cache, registry, path } = repository;
    this.#kept = cache?.pack(`${registry.host}/${path}:${this.#tag}`);
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

  /** The newest record of a change that succeeded: a rollout that fails goes back to what that one brought. */
  async newestSuccess(signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    for await (const entry of this.entries(Number.POSITIVE_INFINITY, signal))
      if (entry.record.outcome === "succeeded" && isChange(entry.record)) return entry;
    return undefined;
  }

  /**
   * Records from the newest to the oldest, at most `limit`. Throws `ledger-broken` (exit 6) where one is neither in the
   * registry, by itself or on a page, nor kept on this machine.
   */
  async *entries(limit: number, signal?: AbortSignal): AsyncGenerator<LedgerEntry> {
    // Who says how many wants so many.
    const walk = { limit, believed: this.#kept, all: Number.isFinite(limit) };
    for await (const { entry } of this.#walk(walk, signal)) yield entry;
  }

  /** All records, each read from the registry. Throws `ledger-broken` (exit 6) where it does not have one. */
  everyEntry(signal?: AbortSignal): AsyncGenerator<FoundEntry> {
    return this.#walk({ limit: Number.POSITIVE_INFINITY, believed: undefined, all: true }, signal);
  }

  async *#walk({ limit, believed, all }: Walk, signal?: AbortSignal): AsyncGenerator<FoundEntry> {
    try {
      let entry = await this.head(signal);
      let tagged = false;
      const last = Math.max(1, (entry?.sequence ?? 0) + 1 - limit);
      if (all && believed && entry) await this.#pages.fill(believed, { from: last, to: entry.sequence - 1 }, signal);
      const coming = new ReadAhead((sequence) => this.#guess(sequence, signal));
      let atHand = new Set(believed?.numbers);
      for (let count = 1; entry; count += 1) {
        yield { entry, tagged };
        const { previous, sequence }: LedgerEntry = entry;
        if (previous === undefined || count >= limit) return;
        signal?.throwIfAborted();
        tagged = false;
        entry = coming.has(sequence - 1) ? undefined : await this.#recall(previous, believed);
        if (entry) continue;
        // What is kept is of another history, which had the same name: nothing is at hand after all.
        if (atHand.has(sequence - 1)) atHand = new Set();
        const width = all ? widest : Math.min(widest, 8 * (count - 1));
        const until = Math.max(last, sequence - width);
        const guessed: LedgerEntry | undefined = await coming.take(sequence - 1, until, atHand);
        signal?.throwIfAborted();
        tagged = guessed?.digest === previous;
        entry = tagged ? guessed : await this.#entry(previous, signal);
        if (!entry) throw broken(`the record ${previous} is missing`, this.where);
      }
    } finally {
      await this.#kept?.save();
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
    const entry = this.#read(artifact);
    // A page saves those time who read the history later, and is worth no failure.
    if (entry.sequence % pageSize === 0) await this.#writePage(entry.sequence, signal).catch(() => {});
    await this.#kept?.save();
    return entry;
  }

  async #writePage(last: number, signal?: AbortSignal): Promise<void> {
    const manifests: Uint8Array[] = [];
    for await (const { digest } of this.entries(pageSize, signal)) {
      const manifest = this.#kept?.find(digest);
      if (manifest) manifests.unshift(manifest);
    }
    await this.#pages.write(last, manifests, signal);
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
    const [artifact] = await Promise.all([
      readArtifact(this.#repository, reference, this.#broken, signal),
      this.#kept?.open(),
    ]);
    return artifact && this.#read(artifact);
  }

  async #recall(digest: Digest, kept: ManifestPack | undefined): Promise<LedgerEntry | undefined> {
    const manifest = kept?.find(digest);
    return manifest && this.#read(await openArtifact(this.#repository, digest, manifest, this.#broken));
  }

  #read(artifact: SignedArtifact): LedgerEntry {
    const entry = readEntry(artifact);
    if (!entry) throw this.#broken(`the record ${artifact.digest} cannot be read`);
    this.#kept?.keep(entry.digest, entry.sequence, artifact.manifest);
    return entry;
  }

  readonly #broken = (what: string) => broken(what, this.where);
}

interface Walk {
  readonly limit: number;
  /** What need not be asked for. */
  readonly believed: ManifestPack | undefined;
  /** True for who wants all of them; most want the first few. */
  readonly all: boolean;
}

function readEntry({ digest, manifest, content }: SignedArtifact): LedgerEntry | undefined {
  const text = textOf(content);
  const envelope = readEnvelope(text);
  const statement = envelope && parseStatement(textOf(envelope.payload));
  if (envelope && statement) return { ...statement, digest, envelope };
  const unsigned = readUnsigned(text, manifest);
  return unsigned && { ...unsigned, digest, envelope: { payload: Buffer.from(text), signatures: [] } };
}

/** As envctl wrote records before it signed them: the record alone, and its place in the annotations. */
function readUnsigned(text: string, manifest: Uint8Array): ReadStatement | undefined {
  const record = parseRecord(parseJson(text));
  const value = parseJson(textOf(manifest));
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
