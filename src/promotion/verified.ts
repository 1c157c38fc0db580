import type { Digest } from "../base/digest.ts";
import type { Stage } from "../environment/model.ts";
import type { LastHosts } from "../plan/former-hosts.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { lastHosts } from "./last-hosts.ts";
import { Ledger } from "./ledger.ts";
import { isChange, type LedgerEntry, type StageRecord } from "./record.ts";

/** Since when a release is verified in a stage (RFC 3339), or why it is not, for people. */
export type VerifiedSince =
  | { readonly at: string }
  /** `ran`: it did come there, and its checks are what is missing. */
  | { readonly why: string; readonly ran: boolean };

/**
 * Whether a release was proven in a stage, as the stage's history tells: it came there as a release, and since then all
 * checks that the stage has now have passed, the last time they were run. Without checks its coming there is enough.
 * `seen`: it was just seen to run there, healthy and as it was built; then it may have come by `envctl dev`, too.
 */
export async function verifiedSince(
  workspace: Workspace,
  stage: Stage,
  digest: Digest,
  seen = false,
): Promise<VerifiedSince> {
  const repository = await workspace.connections.repository(stage.repository);
  const ledger = new Ledger(repository, workspace.environment.name, stage.name);
  const proofs: StageRecord[] = [];
  const proofless = stage.verify.checks.length === 0;
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, workspace.signal)) {
    if (record.release?.digest !== digest) continue;
    if (record.kind === "verify") proofs.push(record);
    else if (broughtRelease(record) || (seen && proofless && broughtByDev(record)))
      return judgeProofs(stage, record, proofs);
  }
  return { why: "it has never run there", ran: false };
}

/** The same by `envctl dev`, which may have changed files since: enough where it was seen that it has not. */
function broughtByDev(record: StageRecord): boolean {
  return isChange(record) && record.outcome === "succeeded" && record.dev === "";
}

/** Whether a record tells that a release came to its stage, as it was built. */
export function broughtRelease(record: StageRecord): boolean {
  return isChange(record) && record.outcome === "succeeded" && record.release !== undefined && record.dev === undefined;
}

/**
 * What `verify` records tell, newest first, of the release that `change` brought. It is verified since the first of those
 * that passed without one in between that did not: to check it once more makes it no younger.
 */
export function judgeProofs(stage: Stage, change: StageRecord, proofs: readonly StageRecord[]): VerifiedSince {
  const names = stage.verify.checks.map(({ name }) => name);
  if (names.length === 0) return { at: change.at };
  const [newest] = proofs;
  if (!newest) return { why: `its checks have not been run since it came there (${change.at})`, ran: true };
  if (newest.outcome === "failed") return { why: newest.reason ?? "its checks failed", ran: true };
  const lacking = lackingIn(newest, names);
  if (lacking.length > 0) return { why: `${plural("check", lacking)} not been run: ${lacking.join(", ")}`, ran: true };
  let since = newest;
  for (const proof of proofs) {
    if (proof.outcome === "failed" || lackingIn(proof, names).length > 0) break;
    since = proof;
  }
  return { at: since.at };
}

function lackingIn({ checks = [] }: StageRecord, names: readonly string[]): string[] {
  return names.filter((name) => !checks.some((check) => check.name === name && check.outcome === "passed"));
}

function plural(noun: string, list: readonly string[]): string {
  return list.length === 1 ? `a ${noun} of the stage has` : `${noun}s of the stage have`;
}

/** Where a stage stands, as its history tells. */
export interface Standing {
  /** The newest record that tells what the stage runs. */
  readonly change: StageRecord | undefined;
  /** The same as it stands in the ledger. */
  readonly entry: LedgerEntry | undefined;
  /** Records of its checks since then, newest first. */
  readonly proofs: readonly StageRecord[];
  /** Where it ran since then. */
  readonly last: LastHosts | undefined;
}

/** Reads a stage's history back to its newest change. */
export async function standingOf(ledger: Ledger, signal: AbortSignal): Promise<Standing> {
  const since: StageRecord[] = [];
  const proofs = () => since.filter(({ kind }) => kind === "verify");
  for await (const entry of ledger.entries(Number.POSITIVE_INFINITY, signal)) {
    const { record } = entry;
    if (isChange(record)) return { change: record, entry, proofs: proofs(), last: lastHosts(record, since) };
    since.push(record);
  }
  return { change: undefined, entry: undefined, proofs: proofs(), last: undefined };
}

/**
 * Whether the history tells that a rollout of this release is what the stage last came through. Where it does not, one may
 * have been killed after its switch: the stage's very first, too.
 */
export function isRecorded({ change }: Pick<Standing, "change">, digest: Digest): boolean {
  return change?.outcome === "succeeded" && change.release?.digest === digest;
}

/** The release that a stage ran before the one it runs now, where that has not been verified since it came: what to go back to. */
export async function releaseBefore(
  ledger: Ledger,
  digest: Digest,
  signal: AbortSignal,
): Promise<NonNullable<StageRecord["release"]> | undefined> {
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, signal)) {
    if (record.kind === "verify" && record.outcome === "succeeded" && record.release?.digest === digest)
      return undefined;
    if (record.outcome !== "succeeded" || !isChange(record) || record.release?.digest === digest) continue;
    return record.kind === "down" || record.dev !== undefined ? undefined : record.release;
  }
  return undefined;
}
