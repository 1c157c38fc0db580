import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type DeploymentResult, deploy, openHosts } from "./deploy.ts";
import { Ledger } from "./ledger.ts";
import { type KeptPlan, requirePlanned } from "./moment.ts";
import { isChange } from "./record.ts";
import { findRelease } from "./releases.ts";
import { bringToRepository, pointTag } from "./repository.ts";
import { releaseToPromote, stagesBefore } from "./source.ts";
import { stageSigner } from "./stage-signer.ts";

export interface PromotionOptions {
  /** Name or digest; undefined takes what runs in the stage before. */
  readonly release: string | undefined;
  readonly dryRun: boolean;
  readonly kept?: KeptPlan | undefined;
}

export interface PromotionResult extends DeploymentResult {
  readonly release: Release;
  readonly from: Stage;
}

/** Moves exactly the digest that the stage before runs to this stage: registry to registry, then onto its hosts. */
export async function promote(workspace: Workspace, stage: Stage, options: PromotionOptions): Promise<PromotionResult> {
  if (stage.after.length === 0) throw firstStage(stage);
  const signer = await stageSigner(workspace, options);
  // Meanwhile: whether it fails is told when the stage's hosts are needed.
  openHosts(workspace, stage).catch(() => {});
  const { release, from } = await workspace.progress.step(
    `find the release to promote to ${stage.name}`,
    async (progress) => {
      const found =
        options.release === undefined
          ? await releaseToPromote(workspace, stage)
          : await chosenRelease(workspace, stage, options.release);
      progress.note(`${found.release.name} from ${found.from.name}`);
      return found;
    },
  );
  requirePlanned(options.kept?.saved, release, `${from.name} runs ${release.name} now`);
  const deployment = {
    workspace,
    stage,
    release,
    kind: "promote",
    from: from.name,
    signer,
    kept: options.kept,
  } as const;
  const repository = await workspace.connections.repository(stage.repository);
  if (options.dryRun) return { ...(await deploy({ ...deployment, repository, dryRun: true })), release, from };
  // A plan that is out of date is refused before anything is copied, too.
  if (options.kept) await deploy({ ...deployment, repository, dryRun: true });
  const target = await bringToRepository(workspace, from.repository, stage.repository, release);
  const result = await deploy({ ...deployment, repository: target, dryRun: false });
  await pointTag(target, stage.name, release, workspace.signal);
  return { ...result, release, from };
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
