import { EnvctlError, ExitCode } from "../base/errors.ts";
import { makeRelease } from "../build/make-release.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { currentRelease } from "./current.ts";
import { type DeploymentResult, deploy } from "./deploy.ts";
import { findRelease } from "./releases.ts";
import { bringToRepository, pointTag } from "./repository.ts";

export interface UpOptions {
  readonly release: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export interface UpResult extends DeploymentResult {
  readonly release: Release;
  readonly built: boolean;
}

/**
 * Makes a stage be as the environment file has it. A first stage gets the image of the present sources, built if need be;
 * any other stage keeps the release that was promoted to it.
 */
export async function bringUp(workspace: Workspace, stage: Stage, options: UpOptions): Promise<UpResult> {
  const { release, built } = await chooseRelease(workspace, stage, options);
  const { image } = workspace.environment;
  const elsewhere = stage.repository.registry !== image.registry || stage.repository.path !== image.path;
  const repository =
    built && elsewhere
      ? await bringToRepository(workspace, image, stage.repository, release)
      : await workspace.connections.repository(stage.repository);
  const result = await deploy({
    workspace,
    stage,
    release,
    repository,
    kind: "up",
    from: undefined,
    dryRun: options.dryRun,
  });
  if (!options.dryRun && result.changed) await pointTag(repository, stage.name, release, workspace.signal);
  return { ...result, release, built };
}

async function chooseRelease(
  workspace: Workspace,
  stage: Stage,
  options: UpOptions,
): Promise<{ release: Release; built: boolean }> {
  if (stage.after.length > 0) {
    if (options.release !== undefined) throw mustPromote(stage, options.release);
    return { release: await currentRelease(workspace, stage), built: false };
  }
  if (options.release === undefined) return await makeRelease(workspace, { force: options.force });
  const repository = await workspace.connections.repository(stage.repository);
  return { release: await findRelease(repository, options.release, workspace.signal), built: false };
}

function mustPromote(stage: Stage, release: string): EnvctlError {
  return new EnvctlError({
    code: "not-a-first-stage",
    exitCode: ExitCode.usage,
    what: `a release comes to ${stage.name} by promotion alone`,
    state: "nothing was touched",
    next: `envctl promote ${stage.name} --release ${release}`,
  });
}
