import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { labelledDigest } from "../plan/observed.ts";
import { servingApp } from "../plan/serving.ts";
import type { Release } from "../release/release.ts";
import { observeRunning } from "../rollout/observe.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type PastRelease, type ReleaseName, releaseNamed, stageReleases } from "./current.ts";
import { deploy } from "./deploy.ts";
import type { DeploymentResult } from "./deployment.ts";
import { type KeptPlan, requirePlanned } from "./moment.ts";
import { openHosts } from "./open-hosts.ts";
import { stageSigner } from "./stage-signer.ts";

export interface RollbackResult extends DeploymentResult {
  readonly release: Release;
  readonly before: ReleaseName | undefined;
}

/**
 * Runs an earlier release of this stage again: the one before, or the one that is named. A host that kept its container
 * starts that very container, with the configuration it had then; no registry is needed for it.
 */
export async function rollback(
  workspace: Workspace,
  stage: Stage,
  options: {
    readonly release: string | undefined;
    readonly dryRun: boolean;
    readonly kept?: KeptPlan | undefined;
  },
): Promise<RollbackResult> {
  const signer = await stageSigner(workspace, options);
  // Meanwhile: whether it fails is told when they are needed.
  openHosts(workspace, stage).catch(() => {});
  const isNamed = options.release !== undefined;
  // The history alone will do where no host answers: then nothing goes back, and the reason is told when they are needed.
  const [releases, serving] = await Promise.all([
    stageReleases(workspace, stage, (past) => targetOf(past, options.release) !== undefined),
    isNamed ? [] : servingDigests(workspace, stage).catch(() => []),
  ]);
  const target = choose(stage, releases, options.release, serving);
  const release = await releaseNamed(workspace, stage, target);
  requirePlanned(options.kept?.saved, release, `the release to go back to is ${release.name} now`);
  const repository = await workspace.connections.repository(stage.repository);
  const result = await deploy({
    workspace,
    stage,
    release,
    repository,
    kind: "rollback",
    from: undefined,
    dryRun: options.dryRun,
    signer,
    kept: options.kept,
  });
  return { ...result, release, before: releases[0] };
}

/** What clients reach now, by its labels. */
async function servingDigests(workspace: Workspace, stage: Stage): Promise<string[]> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  const engines = await openHosts(workspace, stage);
  const hosts = await Promise.all(engines.map((engine) => observeRunning(engine, place, workspace.signal)));
  return hosts.flatMap((host) => servingApp(host, place)).flatMap((container) => labelledDigest(container) ?? []);
}

/**
 * What `envctl dev` runs is no release: the one before it is the last that was. Nor is it in the history where what serves came
 * by a rollout that failed and stays, or was killed, or could not be written down. (What serves on one host may be the one
 * before: then a rollback to that was killed, and goes on.)
 */
function previousOf(past: readonly PastRelease[], serving: readonly string[]): PastRelease | undefined {
  const [newest, before] = past.filter(({ dev }) => !dev);
  const isUnknown = serving.some((digest) => digest !== newest?.digest && digest !== before?.digest);
  return past[0]?.dev || isUnknown ? newest : before;
}

/** The one before, or the newest that goes by what was typed: a name, a digest, or the first digits of one. */
function targetOf(
  past: readonly PastRelease[],
  typed: string | undefined,
  serving: readonly string[] = [],
): PastRelease | undefined {
  if (typed === undefined) return previousOf(past, serving);
  const hex = typed.replace(/^sha256:/, "");
  return past.find(
    ({ dev, name, digest }) => !dev && (name === typed || (hex !== "" && digest.startsWith(`sha256:${hex}`))),
  );
}

function choose(
  stage: Stage,
  past: readonly PastRelease[],
  typed: string | undefined,
  serving: readonly string[],
): ReleaseName {
  const target = targetOf(past, typed, serving);
  if (target) return target;
  const releases = past.filter(({ dev }) => !dev);
  const names = releases.map((release) => release.name).join(", ") || "none";
  throw new EnvctlError({
    code: "no-earlier-release",
    exitCode: ExitCode.usage,
    what:
      typed === undefined ? `${stage.name} has run no earlier release` : `"${typed}" has never run in ${stage.name}`,
    where: `stage ${stage.name}`,
    state: "nothing was changed",
    next: `releases that ran there: ${names}; see envctl history ${stage.name}`,
  });
}
