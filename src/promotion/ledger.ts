import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { type Digest, digestOf, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { StoredManifest } from "../registry/registry.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { type LedgerEntry, parseRecord, type StageRecord } from "./record.ts";

const recordType = "application/vnd.envctl.record.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const Annotation = { previous: "envctl.previous", sequence: "envctl.sequence" } as const;

/**
 * One stage's history: OCI artifacts in the image's repository, each naming the digest of the one before. A tag points
 * at the newest, and each record has a tag of its own, so that no registry's garbage collection takes it away.
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
      if (!entry) throw broken(`the record ${previous} is missing`, this.#where());
    }
  }

  async append(record: StageRecord, signal?: AbortSignal): Promise<LedgerEntry> {
    const { registry, path } = this.#repository;
    const head = await this.head(signal);
    const sequence = (head?.sequence ?? 0) + 1;
    const content = Buffer.from(JSON.stringify(record));
    const descriptor = { mediaType: recordType, digest: digestOf(content), size: content.length };
    await registry.uploadBlob(path, descriptor, async (offset) => Readable.from([content.subarray(offset)]), signal);
    // The content rides along in `data` (OCI image-spec, descriptor.md), so that reading a record is one request.
    const inline = { ...descriptor, data: content.toString("base64") };
    const manifest = stored({
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType: recordType,
      config: inline,
      layers: [descriptor],
      annotations: {
        ...(head ? { [Annotation.previous]: head.digest } : {}),
        [Annotation.sequence]: String(sequence),
      },
    });
    await registry.putManifest(path, `${this.#tag}.${sequence}`, manifest, signal);
    await registry.putManifest(path, this.#tag, manifest, signal);
    return { record, digest: manifest.descriptor.digest, previous: head?.digest, sequence };
  }

  async #entry(reference: string, signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    const manifest = await this.#repository.registry.manifest(this.#repository.path, reference, signal);
    if (!manifest) return undefined;
    const { config, annotations } = readManifest(manifest, this.#where());
    const content =
      config.data ?? (await this.#repository.registry.readBlob(this.#repository.path, config.digest, signal));
    if (digestOf(content) !== config.digest)
      throw broken(`the record ${reference} is not what its digest says`, this.#where());
    const record = parseRecord(Buffer.from(content).toString("utf8"));
    if (!record) throw broken(`the record ${reference} cannot be read`, this.#where());
    const previous = annotations[Annotation.previous];
    return {
      record,
      digest: manifest.descriptor.digest,
      previous: previous !== undefined && isDigest(previous) ? previous : undefined,
      sequence: Number(annotations[Annotation.sequence] ?? 0),
    };
  }

  #where(): string {
    return `${this.#repository.registry.host}/${this.#repository.path}:${this.#tag}`;
  }
}

function stored(manifest: object): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { descriptor: { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

interface RecordManifest {
  readonly config: { readonly digest: Digest; readonly data: Uint8Array | undefined };
  readonly annotations: Readonly<Record<string, string>>;
}

function readManifest(manifest: StoredManifest, where: string): RecordManifest {
  const value: unknown = JSON.parse(Buffer.from(manifest.bytes).toString("utf8"));
  const { config, annotations } = (value ?? {}) as {
    config?: { digest?: unknown; data?: unknown };
    annotations?: unknown;
  };
  if (typeof config?.digest !== "string" || !isDigest(config.digest)) throw broken("a record has no content", where);
  const data = typeof config.data === "string" ? Buffer.from(config.data, "base64") : undefined;
  const pairs = Object.entries(typeof annotations === "object" && annotations !== null ? annotations : {});
  return {
    config: { digest: config.digest, data },
    annotations: Object.fromEntries(pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string")),
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
