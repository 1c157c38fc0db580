import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type BuildIntent, findBuilt, makeRelease, readIntent } from "../build/make-release.ts";
import type { Tree } from "../build/tree.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { currentRelease } from "./current.ts";
import { type DeploymentResult, deploy } from "./deploy.ts";
import { findRelease } from "./releases.ts";
import { bringToRepository, pointTag } from "./repository.ts";
import { stageSigner } from "./stage-signer.ts";

export interface UpOptions {
  readonly release: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
}

export type UpResult =
  | (DeploymentResult & {
      readonly kind: "deployed";
      readonly release: Release;
      readonly built: boolean;
      /** The files that the release was made of; undefined where it was not made of the present sources. */
      readonly tree: Tree | undefined;
    })
  /** With `dryRun` alone: the sources have yet to be built, so nobody knows the digest that would run. */
  | { readonly kind: "would-build"; readonly intent: BuildIntent };

/**
 * Makes a stage be as the environment file has it. A first stage gets the image of the present sources, built if need be;
 * any other stage keeps the release that was promoted to it.
 */
export async function bringUp(workspace: Workspace, stage: Stage, options: UpOptions): Promise<UpResult> {
  const signer = await stageSigner(workspace, options);
  if (options.dryRun && options.release === undefined && stage.after.length === 0) {
    const intent = await readIntent(workspace);
    const known = await findBuilt(
      await workspace.connections.repository(workspace.environment.image),
      intent,
      workspace.signal,
    );
    if (!known || options.force) return { kind: "would-build", intent };
  }
  const { release, built, tree } = await chooseRelease(workspace, stage, options);
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
    signer,
  });
  if (!options.dryRun && result.changed) await pointTag(repository, stage.name, release, workspace.signal);
  return { kind: "deployed", ...result, release, built, tree };
}

async function chooseRelease(
  workspace: Workspace,
  stage: Stage,
  options: UpOptions,
): Promise<{ release: Release; built: boolean; tree: Tree | undefined }> {
  if (stage.after.length > 0) {
    if (options.release !== undefined) throw mustPromote(stage, options.release);
    return { release: await currentRelease(workspace, stage), built: false, tree: undefined };
  }
  if (options.release === undefined) return await makeRelease(workspace, { force: options.force });
  const repository = await workspace.connections.repository(stage.repository);
  return { release: await findRelease(repository, options.release, workspace.signal), built: false, tree: undefined };
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
