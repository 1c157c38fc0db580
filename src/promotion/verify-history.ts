import { messageOf } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { signedBy } from "../signing/envelope.ts";
import { type PublicKey, readPublicKeys } from "../signing/public-key.ts";
import { Attestations } from "./attestations.ts";
import { Ledger } from "./ledger.ts";
import type { LedgerEntry } from "./record.ts";

/** One thing in a history that is not as it was written. */
interface HistoryProblem {
  /** Of the record it is about; undefined where there is none to name. */
  readonly sequence: number | undefined;
  readonly what: string;
}

export interface VerifiedHistory {
  readonly stage: string;
  readonly records: number;
  /** How many records a key of the environment signed. */
  readonly signed: number;
  /** By record, newest first: the name of the key. */
  readonly signers: readonly { readonly sequence: number; readonly by: string | undefined }[];
  readonly problems: readonly HistoryProblem[];
}

/** How many tags are looked at side by side. */
const width = 16;

/**
 * Proves a stage's history: every record is there, in its place, as it was signed by a key of the environment. What was cut
 * off at the new end together with its tags cannot be seen here; `envctl status` shows that what runs is not what it says.
 */
export async function verifyHistory(workspace: Workspace, stage: Stage): Promise<VerifiedHistory> {
  const { environment, connections, signal } = workspace;
  const keys = await readPublicKeys(environment.directory);
  const [repository, attested] = await Promise.all([
    connections.repository(stage.repository),
    connections.repository(environment.image),
  ]);
  const place = { environment: environment.name, stage: stage.name };
  return await verifyLedger({ repository, attested }, place, keys, signal);
}

interface Place {
  readonly environment: string;
  readonly stage: string;
}

interface Repositories {
  /** The stage's own, which has its history. */
  readonly repository: OpenRepository;
  /** The image's, which has the attestations. */
  readonly attested: OpenRepository;
}

/** The same, by these keys; without any, signatures are not asked for. */
export async function verifyLedger(
  { repository, attested }: Repositories,
  place: Place,
  keys: readonly PublicKey[],
  signal: AbortSignal,
): Promise<VerifiedHistory> {
  const ledger = new Ledger(repository, place.environment, place.stage);
  const entries: LedgerEntry[] = [];
  const untagged: LedgerEntry[] = [];
  const signers: { readonly sequence: number; readonly by: string | undefined }[] = [];
  const problems: HistoryProblem[] = [];
  try {
    for await (const { entry, tagged } of ledger.everyEntry(signal)) {
      entries.push(entry);
      if (!tagged) untagged.push(entry);
      // While others are on their way.
      signers.push({ sequence: entry.sequence, by: signedBy(entry.envelope, keys)?.name });
    }
  } catch (error) {
    signal.throwIfAborted();
    const last = entries.at(-1);
    problems.push({ sequence: last ? last.sequence - 1 : undefined, what: messageOf(error) });
  }
  problems.push(
    ...linkProblems(entries, place),
    ...signatureProblems(entries, signers, keys),
    ...(await tagProblems(ledger, { head: entries[0], untagged }, signal)),
    ...(await attestationProblems(new Attestations(attested), entries, keys, signal)),
  );
  return {
    stage: place.stage,
    records: entries.length,
    signed: signers.filter(({ by }) => by !== undefined).length,
    signers,
    problems,
  };
}

/** The chain's order, and that each record is about this stage and the image it names. */
function linkProblems(entries: readonly LedgerEntry[], place: Place): HistoryProblem[] {
  return entries.flatMap((entry, index) => {
    const { sequence, record, subjects } = entry;
    const older = entries[index + 1];
    const found: HistoryProblem[] = [];
    const say = (what: string) => found.push({ sequence, what });
    if (record.environment !== place.environment || record.stage !== place.stage) {
      say(`it is of ${record.stage} of ${record.environment}`);
    }
    if (older && older.sequence !== sequence - 1) say(`number ${older.sequence} stands before it`);
    if (!older && entry.previous === undefined && sequence !== 1) say("it is the oldest, but not the first");
    if (record.release && !subjects.includes(record.release.digest)) say("it is about another image than it says");
    return found;
  });
}

function signatureProblems(
  entries: readonly LedgerEntry[],
  signers: VerifiedHistory["signers"],
  keys: readonly PublicKey[],
): HistoryProblem[] {
  if (keys.length === 0) return [];
  return entries.flatMap(({ sequence, envelope }, index) => {
    if (signers[index]?.by !== undefined) return [];
    const claimed = envelope.signatures.map(({ keyid }) => keyid).join(", ");
    const what = claimed === "" ? "it is not signed" : `no key of this environment signed it (it says ${claimed})`;
    return [{ sequence, what }];
  });
}

/**
 * Each record is reached by its own tag, too: a chain that was cut short or forked shows there. Most were read by it; the
 * others are asked for.
 */
async function tagProblems(
  ledger: Ledger,
  { head, untagged }: { readonly head: LedgerEntry | undefined; readonly untagged: readonly LedgerEntry[] },
  signal: AbortSignal,
): Promise<HistoryProblem[]> {
  const problems: HistoryProblem[] = [];
  const next = (head?.sequence ?? 0) + 1;
  if ((await ledger.recordAt(next, signal)) !== undefined) {
    problems.push({ sequence: next, what: "it is there, but the history ends before it" });
  }
  const rest = untagged.values();
  const worker = async () => {
    for (const { sequence, digest } of rest) {
      const found = await ledger.recordAt(sequence, signal);
      if (found !== digest) {
        problems.push({ sequence, what: found ? "its tag leads to another record" : "its tag is gone" });
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return problems;
}

/** What counted when a release was let through must still be there, and be what was signed. */
async function attestationProblems(
  attestations: Attestations,
  entries: readonly LedgerEntry[],
  keys: readonly PublicKey[],
  signal: AbortSignal,
): Promise<HistoryProblem[]> {
  const problems: HistoryProblem[] = [];
  const rest = entries
    .flatMap(({ sequence, record }) => (record.attestations ?? []).map((digest) => ({ sequence, record, digest })))
    .values();
  const worker = async () => {
    for (const { sequence, record, digest } of rest) {
      const say = (what: string) =>
        problems.push({ sequence, what: `an attestation that it names ${what}: ${digest}` });
      const found = await attestations.find(digest, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        return messageOf(error);
      });
      if (found === undefined) say("is gone");
      else if (typeof found === "string") say(`cannot be trusted (${found})`);
      else if (record.release && !found.subjects.includes(record.release.digest)) say("is about another image");
      else if (keys.length > 0 && !signedBy(found.envelope, keys)) say("is not signed by a key of this environment");
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return problems;
}
