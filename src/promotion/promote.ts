import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { isPartOf, type JudgedGate } from "../plan/gates/judged-gate.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { admit, requireOpen } from "./admission.ts";
import { deploy } from "./deploy.ts";
import type { DeploymentResult } from "./deployment.ts";
import { gatherFacts } from "./gate-facts.ts";
import { judgeGates } from "./judge-gates.ts";
import { Ledger } from "./ledger.ts";
import { type KeptPlan, requirePlanned } from "./moment.ts";
import { openHosts } from "./open-hosts.ts";
import { isOverridden, type Overrides, readOverrides } from "./overrides.ts";
import { isChange } from "./record.ts";
import { findRelease } from "./releases.ts";
import { bringToRepository, pointTag } from "./repository.ts";
import { type FoundRelease, releaseToPromote, stagesBefore } from "./source.ts";
import { stageSigner } from "./stage-signer.ts";

export interface PromotionOptions {
  /** Name or digest; undefined takes what runs in the stage before. */
  readonly release: string | undefined;
  readonly dryRun: boolean;
  /** True where a closed gate is the end of a dry run, too; without it, that tells of each. */
  readonly endsAtGate?: boolean;
  /** Gates that are passed although they are closed, where the environment file allows it. */
  readonly override?: readonly string[];
  /** Why they are. */
  readonly reason?: string | undefined;
  readonly kept?: KeptPlan | undefined;
}

export interface PromotionResult extends DeploymentResult {
  readonly release: Release;
  readonly from: Stage;
  /** Each gate as it was; empty where the release stands in the stage already, and was let in before. */
  readonly gates: readonly JudgedGate[];
  /** Names of those that are closed, and passed. */
  readonly overridden: readonly string[];
}

/** Moves exactly the digest that the stage before runs to this stage: registry to registry, then onto its hosts. */
export async function promote(workspace: Workspace, stage: Stage, options: PromotionOptions): Promise<PromotionResult> {
  if (stage.after.length === 0) throw firstStage(stage);
  const overrides = readOverrides(stage, options.override ?? [], options.reason);
  const signer = await stageSigner(workspace, options);
  // Meanwhile: whether it fails is told when the stage's hosts are needed.
  openHosts(workspace, stage).catch(() => {});
  const found = await findPromotion(workspace, stage, options.release);
  const { release, from } = found;
  requirePlanned(options.kept?.saved, release, `${from.name} runs ${release.name} now`);
  const judging = await judgePromotion(workspace, stage, found, overrides, options);
  const { facts, judged: gates } = judging ?? { facts: undefined, judged: [] };
  const overridden = gates.filter((gate) => isOverridden(overrides, gate)).map(({ gate }) => gate);
  const admission = facts && {
    admit: (ledger: Ledger) => admit(workspace, stage, facts, { overrides, from, ledger, signer }),
  };
  const deployment = {
    workspace,
    stage,
    release,
    kind: "promote",
    from: from.name,
    signer,
    kept: options.kept,
    ...admission,
  } as const;
  const repository = await workspace.connections.repository(stage.repository);
  const outcome = { release, from, gates, overridden };
  if (options.dryRun) return { ...(await deploy({ ...deployment, repository, dryRun: true })), ...outcome };
  // A plan that is out of date is refused before anything is copied, too.
  if (options.kept) await deploy({ ...deployment, repository, dryRun: true });
  const target = await bringToRepository(workspace, from.repository, stage.repository, release);
  const result = await deploy({ ...deployment, repository: target, dryRun: false });
  if (!result.tagged) await pointTag(target, stage.name, release, workspace.signal);
  return { ...result, ...outcome };
}

/** The release that a promotion to this stage takes now, or the one that is named, and the stage it comes from. */
export async function findPromotion(
  workspace: Workspace,
  stage: Stage,
  typed: string | undefined,
): Promise<FoundRelease> {
  if (stage.after.length === 0) throw firstStage(stage);
  return await workspace.progress.step(`find the release to promote to ${stage.name}`, async (progress) => {
    const found =
      typed === undefined ? await releaseToPromote(workspace, stage) : await chosenRelease(workspace, stage, typed);
    progress.note(`${found.release.name} from ${found.from.name}`);
    return { ...found, seen: typed === undefined };
  });
}

/**
 * All gates, before anything is copied. Undefined where the stage has the release already: then it was let in, and a promotion
 * only mends what is not as it should be. Throws `gate-closed` (exit 3) unless nothing is to be done anyway.
 */
async function judgePromotion(
  workspace: Workspace,
  stage: Stage,
  found: FoundRelease,
  overrides: Overrides,
  { dryRun, endsAtGate = !dryRun }: PromotionOptions,
) {
  if (await standsIn(workspace, stage, found.release)) return undefined;
  return await workspace.progress.step(`judge the gates of ${stage.name}`, async (progress) => {
    const facts = endsAtGate ? await gatherFacts(workspace, stage, found) : undefined;
    const judged = facts
      ? requireOpen(stage, facts, workspace.clock.now().getTime(), overrides)
      : await judgeGates(workspace, stage, found);
    for (const name of overrides.gates) {
      if (judged.some((gate) => isPartOf(gate.gate, name) && !gate.open)) continue;
      workspace.progress.warn(`${name} is open: there is nothing to override`);
    }
    progress.note(judged.map(({ gate, open }) => `${gate} ${open ? "open" : "closed"}`).join(", "));
    return { facts, judged };
  });
}

/** Whether the newest change of the stage brought it this very release, as it was built. */
async function standsIn(
  { environment, connections, signal }: Workspace,
  stage: Stage,
  release: Release,
): Promise<boolean> {
  const repository = await connections.repository(stage.repository);
  const newest = (await new Ledger(repository, environment.name, stage.name).newestChange(signal))?.record;
  return newest?.outcome === "succeeded" && newest.release?.digest === release.digest && newest.dev === undefined;
}

/** A release that is named must have run in the stages before, as their histories tell. */
async function chosenRelease(
  workspace: Workspace,
  stage: Stage,
  typed: string,
): Promise<{ release: Release; from: Stage }> {
  const before = stagesBefore(workspace.environment, stage);
  const [from] = before;
  if (!from) throw firstStage(stage);
  const release = await findRelease(await workspace.connections.repository(from.repository), typed, workspace.signal);
  for (const source of before) {
    const repository = await workspace.connections.repository(source.repository);
    if (await hasRun(new Ledger(repository, workspace.environment.name, source.name), release, workspace.signal))
      continue;
    throw new EnvctlError({
      code: "stage-not-ready",
      exitCode: ExitCode.gateClosed,
      what: `${release.name} has never run in ${source.name}, which stands before ${stage.name}`,
      where: `stage ${source.name}`,
      state: "nothing was promoted",
      next:
        source.after.length === 0
          ? `envctl up ${source.name} --release ${release.name}`
          : `envctl promote ${source.name} --release ${release.name}`,
    });
  }
  return { release, from };
}

async function hasRun(ledger: Ledger, release: Release, signal: AbortSignal): Promise<boolean> {
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, signal)) {
    const counts = record.outcome === "succeeded" && isChange(record) && record.dev === undefined;
    if (counts && record.release?.digest === release.digest) return true;
  }
  return false;
}

function firstStage(stage: Stage): EnvctlError {
  return new EnvctlError({
    code: "first-stage",
    exitCode: ExitCode.usage,
    what: `${stage.name} is a first stage: no stage stands before it that could be promoted from`,
    state: "nothing was touched",
    next: `envctl up ${stage.name}`,
  });
}
