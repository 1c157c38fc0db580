import { type Digest, isDigest } from "../base/digest.ts";
import type { Envelope } from "../signing/envelope.ts";

/** What the ledger keeps of one change of a stage. Version 1: fields are added, never renamed. */
export interface StageRecord {
  readonly version: 1;
  readonly kind: "up" | "promote" | "rollback" | "down";
  readonly outcome: "succeeded" | "failed";
  readonly environment: string;
  readonly stage: string;
  /** undefined for `down`. */
  readonly release: RecordedRelease | undefined;
  /** The stage it was promoted from. */
  readonly from: string | undefined;
  readonly hosts: readonly string[];
  readonly services: Readonly<Record<string, Digest>>;
  /** `user@machine`. */
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
  /** Why it failed. */
  readonly reason: string | undefined;
  /** For `envctl dev`: in what it differed from the release, empty for files alone. Such a run proves nothing of a release. */
  readonly dev?: string | undefined;
}

interface RecordedRelease {
  readonly name: string;
  readonly digest: Digest;
  readonly commit: string | undefined;
  readonly dirty: boolean;
  readonly fingerprint: string;
}

/** A record as it stands in the ledger. */
export interface LedgerEntry {
  readonly record: StageRecord;
  /** Digest of the record's manifest: its identity in the chain. */
  readonly digest: Digest;
  readonly previous: Digest | undefined;
  readonly sequence: number;
  /** As it is signed, if it is. */
  readonly envelope: Envelope;
  /** Digests that the signed statement is about. */
  readonly subjects: readonly string[];
}

/** Reads a record from the registry: foreign data until proven otherwise. Returns undefined if it is no record. */
export function parseRecord(value: unknown): StageRecord | undefined {
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is StageRecord {
  if (!isObject(value)) return false;
  const { version, kind, outcome, environment, stage, at, by, hosts, release } = value;
  return (
    version === 1 &&
    typeof kind === "string" &&
    ["up", "promote", "rollback", "down"].includes(kind) &&
    (outcome === "succeeded" || outcome === "failed") &&
    [environment, stage, at, by].every((field) => typeof field === "string") &&
    Array.isArray(hosts) &&
    (release === undefined || (isObject(release) && typeof release.digest === "string" && isDigest(release.digest)))
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
