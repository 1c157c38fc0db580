import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { branchHead, fetchRefs, highestTag, tagsAt, withCheckout } from "../build/git-refs.ts";
import type { Auto } from "../environment/auto.ts";
import type { Stage } from "../environment/model.ts";
import { type AutoDecision, type Candidate, decideBuild, decidePromotion, type PastChange } from "../plan/auto.ts";
import { findStage, type Workspace } from "../rollout/workspace.ts";
import { bringSecrets } from "./bring-secrets.ts";
import { Ledger } from "./ledger.ts";
import { promote } from "./promote.ts";
import { isChange } from "./record.ts";
import { stagesBefore } from "./source.ts";
import { bringUp } from "./up.ts";
import { verifiedSince } from "./verified.ts";

/** What one look at a stage came to. */
export interface WatchEvent {
  readonly stage: string;
  /**
   * `released`: it runs something new. `done`: there is nothing new. `waiting`: something must happen first, a gate among it.
   * `held`: a person must decide. `failed`: what was tried failed, and `again` tells whether it is tried again.
   */
  readonly state: "released" | "done" | "waiting" | "held" | "failed";
  readonly what: string;
  readonly evidence: readonly string[];
  /** What to do about a failure. */
  readonly next?: string | undefined;
  readonly again: boolean;
}

/** What is remembered from one round to the next; a promoter that was started anew tries once more. */
export class WatchMemory {
  /** By stage: what failed there, and is not tried again. */
  readonly #failed = new Map<string, string>();

  gaveUp(stage: string, what: string): boolean {
    return this.#failed.get(stage) === what;
  }

  giveUp(stage: string, what: string): void {
    this.#failed.set(stage, what);
  }
}

export interface WatchRound {
  readonly workspace: Workspace;
  readonly memory: WatchMemory;
  /** Opens the environment file of a checkout. */
  readonly elsewhere: <Result>(directory: string, work: (workspace: Workspace) => Promise<Result>) => Promise<Result>;
  readonly tell: (event: WatchEvent) => void;
}

/**
 * Looks once at every stage that follows something by itself, in the order of promotion, and does what is to be done. What goes
 * wrong with one stage keeps nobody from the others.
 */
export async function watchOnce(round: WatchRound): Promise<void> {
  const { environment, signal } = round.workspace;
  const stages = environment.stages.filter(({ auto }) => auto !== undefined);
  let fetched: Promise<void> | undefined;
  const fetchOnce = () => {
    fetched ??= fetchRefs(environment.directory, round.workspace);
    return fetched;
  };
  for (const stage of stages) {
    if (!stage.auto) continue;
    try {
      round.tell({
        stage: stage.name,
        evidence: [],
        again: true,
        ...(await follow(round, stage, stage.auto, fetchOnce)),
      });
    } catch (error) {
      signal.throwIfAborted();
      round.tell({
        stage: stage.name,
        state: "failed",
        what: messageOf(error),
        ...detailsOf(error),
        again: true,
      });
    }
  }
}

type Found = Pick<WatchEvent, "state" | "what"> & Partial<Pick<WatchEvent, "evidence" | "next" | "again">>;

async function follow(round: WatchRound, stage: Stage, auto: Auto, fetchOnce: () => Promise<void>): Promise<Found> {
  const { workspace } = round;
  if (auto.kind !== "promote" || auto.tags !== undefined) await fetchOnce();
  const history = await pastChanges(workspace, stage);
  if (auto.kind === "promote") return await followStages(round, stage, auto.tags, history);
  const { directory } = workspace.environment;
  const ref =
    auto.kind === "branch"
      ? await branchHead(directory, auto.branch, workspace)
      : await highestTag(directory, auto.tags, workspace);
  if (!ref)
    return {
      state: "waiting",
      what: auto.kind === "branch" ? `there is no branch ${auto.branch}` : `there is no tag ${auto.tags}`,
    };
  const decision = decideBuild(ref.commit, history);
  if (!decision.act && !(await isUnproven(workspace, stage, decision, history[0]?.digest)))
    return { state: decision.state, what: decision.why };
  return await attempt(round, stage, `${ref.name} (${ref.commit.slice(0, 7)})`, async () => {
    await withCheckout(directory, ref.commit, workspace, async (folder) => {
      await bringSecrets(directory, folder);
      await round.elsewhere(folder, async (there) => {
        await bringUp(there, findStage(there.environment, stage.name), {
          release: undefined,
          force: false,
          dryRun: false,
        });
      });
    });
  });
}

async function followStages(
  round: WatchRound,
  stage: Stage,
  tags: string | undefined,
  history: readonly PastChange[],
): Promise<Found> {
  const { workspace } = round;
  const candidate = await candidateFor(workspace, stage);
  if ("why" in candidate) return { state: "waiting", what: candidate.why };
  const { name, digest, commit } = candidate;
  if (tags !== undefined) {
    const found = commit === undefined ? [] : await tagsAt(workspace.environment.directory, commit, tags, workspace);
    if (found.length === 0) return { state: "waiting", what: `${name} has no tag ${tags}` };
  }
  const decision = decidePromotion(candidate, history);
  if (!decision.act && !(await isUnproven(workspace, stage, decision, digest)))
    return { state: decision.state, what: decision.why };
  return await attempt(round, stage, name, async () => {
    await promote(workspace, stage, { release: digest, dryRun: false });
  });
}

/** Whether a stage has what it should, but was ended before its checks were run, or failed them: the same once more runs them. */
async function isUnproven(
  workspace: Workspace,
  stage: Stage,
  decision: AutoDecision,
  digest: Digest | undefined,
): Promise<boolean> {
  if (decision.act || decision.state !== "done" || digest === undefined) return false;
  return "why" in (await verifiedSince(workspace, stage, digest));
}

/** Tries it. What a host or a registry out of reach, a lock or a gate kept from happening is tried again, the rest is not. */
async function attempt(round: WatchRound, stage: Stage, what: string, work: () => Promise<void>): Promise<Found> {
  if (round.memory.gaveUp(stage.name, what)) {
    return { state: "held", what: `${what} failed here: it is not tried again until there is something newer` };
  }
  try {
    await work();
    return { state: "released", what };
  } catch (error) {
    round.workspace.signal.throwIfAborted();
    const exitCode = error instanceof EnvctlError ? error.exitCode : ExitCode.failed;
    const { evidence, next } = detailsOf(error);
    if (exitCode === ExitCode.gateClosed) return { state: "waiting", what: messageOf(error), evidence };
    const again = exitCode === ExitCode.locked || exitCode === ExitCode.unreachable;
    if (!again) round.memory.giveUp(stage.name, what);
    return { state: "failed", what: `${what}: ${messageOf(error)}`, evidence, next, again };
  }
}

/** The release that stands in all stages before, as their histories have it. Whether it is good enough, the gates say. */
async function candidateFor(
  workspace: Workspace,
  stage: Stage,
): Promise<(Candidate & { readonly commit: string | undefined }) | { readonly why: string }> {
  const before = stagesBefore(workspace.environment, stage);
  const newest = await Promise.all(before.map((source) => newestChange(workspace, source)));
  const [first] = newest;
  for (const [index, record] of newest.entries()) {
    const name = before[index]?.name;
    if (!record?.release || record.outcome === "failed") return { why: `no release stands in ${name}` };
    if (record.dev !== undefined) return { why: `${name} is in use by envctl dev` };
    if (record.release.digest !== first?.release?.digest) return { why: `${before[0]?.name} and ${name} differ` };
  }
  if (!first?.release) return { why: "no stage stands before it" };
  return first.release;
}

async function newestChange(workspace: Workspace, stage: Stage) {
  const repository = await workspace.connections.repository(stage.repository);
  return (await new Ledger(repository, workspace.environment.name, stage.name).newestChange(workspace.signal))?.record;
}

/** As far back as a stage's history goes: what was taken back long ago stays so. */
async function pastChanges(workspace: Workspace, stage: Stage): Promise<PastChange[]> {
  const repository = await workspace.connections.repository(stage.repository);
  const ledger = new Ledger(repository, workspace.environment.name, stage.name);
  const changes: PastChange[] = [];
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, workspace.signal)) {
    if (!isChange(record) || record.dev !== undefined) continue;
    const { release, outcome } = record;
    changes.push({
      digest: release?.digest,
      commit: release?.dirty ? undefined : release?.commit,
      succeeded: outcome === "succeeded",
    });
  }
  return changes;
}

function detailsOf(error: unknown): Pick<EnvctlError, "evidence" | "next"> {
  return error instanceof EnvctlError
    ? { evidence: error.evidence, next: error.next }
    : { evidence: [], next: undefined };
}
