import { type Digest, isDigest } from "../base/digest.ts";
import { isObject } from "../base/json.ts";
import type { Envelope } from "../signing/envelope.ts";

const kinds = ["up", "promote", "rollback", "down", "verify", "override"] as const;

/** What the ledger keeps of one thing that befell a stage. Version 1: fields are added, never renamed. */
export interface StageRecord {
  readonly version: 1;
  /** `verify`: its checks were run; `override`: a closed gate was passed. The others change what the stage runs. */
  readonly kind: (typeof kinds)[number];
  readonly outcome: "succeeded" | "failed";
  readonly environment: string;
  readonly stage: string;
  /** undefined for `down`. */
  readonly release: RecordedRelease | undefined;
  /** The stage it was promoted from. */
  readonly from: string | undefined;
  /** Those that the stage had then; of `former`, those that it had before. */
  readonly hosts: readonly string[];
  /**
   * Where the stage runs since, if that is not as `hosts` has it: there are others besides, which it had before and where nobody
   * took it down; or the change failed, and it runs where it ran.
   */
  readonly runsOn?: readonly string[] | undefined;
  /** True of a `down` on hosts that the stage had no more: what it runs is as before. */
  readonly former?: true | undefined;
  readonly services: Readonly<Record<string, Digest>>;
  /** `user@machine`. */
  readonly by: string;
  /** RFC 3339. */
  readonly at: string;
  /** Why it failed; of a `rollback` that nobody typed: why it was done. */
  readonly reason: string | undefined;
  /** For `envctl dev`: in what it differed from the release, empty for files alone. Such a run proves nothing of a release. */
  readonly dev?: string | undefined;
  /** Of `verify`: what each check found. */
  readonly checks?: readonly RecordedCheck[] | undefined;
  /** Of `promote`: the gates that were looked at, and what made each let it pass. */
  readonly gates?: readonly RecordedGate[] | undefined;
  /** Of `override`: the gate, and why it was passed. */
  readonly override?: { readonly gate: string; readonly reason: string } | undefined;
  /** Manifests of the attestations that counted: approvals, the build's provenance. Whether they are there can be proven. */
  readonly attestations?: readonly Digest[] | undefined;
}

export interface RecordedCheck {
  readonly name: string;
  readonly outcome: "passed" | "failed";
  /** Milliseconds, all tries together. */
  readonly took: number;
  readonly tries: number;
  /** Why it failed. */
  readonly reason?: string | undefined;
  /** Of the JUnit report that it wrote. */
  readonly tests?: { readonly run: number; readonly failed: number; readonly skipped: number } | undefined;
}

interface RecordedGate {
  readonly gate: string;
  readonly outcome: "open" | "overridden";
  /** What was found: `approved by ada and grace`. */
  readonly found: string;
}

/** What a record keeps of a release. */
export function recordedRelease({ name, digest, commit, dirty, fingerprint }: RecordedRelease): RecordedRelease {
  return { name, digest, commit, dirty, fingerprint };
}

/** True of records that tell what the stage runs since. */
export function isChange({ kind, former }: StageRecord): boolean {
  return kind !== "verify" && kind !== "override" && former !== true;
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
  const { version, kind, outcome, environment, stage, at, by, hosts, runsOn, release, attestations } = value;
  return (
    version === 1 &&
    kinds.some((known) => known === kind) &&
    (outcome === "succeeded" || outcome === "failed") &&
    [environment, stage, at, by].every((field) => typeof field === "string") &&
    Array.isArray(hosts) &&
    (runsOn === undefined || Array.isArray(runsOn)) &&
    (attestations === undefined || (Array.isArray(attestations) && attestations.every(isDigestText))) &&
    (release === undefined || (isObject(release) && typeof release.digest === "string" && isDigest(release.digest)))
  );
}

function isDigestText(value: unknown): boolean {
  return typeof value === "string" && isDigest(value);
}
