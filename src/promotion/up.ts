import type { Digest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type BuildIntent, findBuilt, readIntent } from "../build/make-release.ts";
import type { Tree } from "../build/tree.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { currentRelease } from "./current.ts";
import { deploy } from "./deploy.ts";
import type { DeploymentResult } from "./deployment.ts";
import { type KeptPlan, requirePlanned } from "./moment.ts";
import { makeAttestedRelease, provenanceOf } from "./provenance.ts";
import { findRelease } from "./releases.ts";
import { bringToRepository, pointTag } from "./repository.ts";
import { stageSigner } from "./stage-signer.ts";

export interface UpOptions {
  readonly release: string | undefined;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly kept?: KeptPlan | undefined;
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
  const chosen = await chooseRelease(workspace, stage, options, signer);
  const saved = options.kept?.saved;
  requirePlanned(saved, "intent" in chosen ? undefined : chosen.release, movedTo(stage, chosen));
  if ("intent" in chosen) return { kind: "would-build", intent: chosen.intent };
  const { release, built, tree, provenance } = chosen;
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
    attestations: provenance && [provenance],
    kept: options.kept,
  });
  if (!options.dryRun && result.changed) await pointTag(repository, stage.name, release, workspace.signal);
  return { kind: "deployed", ...result, release, built, tree };
}

interface ChosenRelease {
  readonly release: Release;
  readonly built: boolean;
  readonly tree: Tree | undefined;
  /** The attestation of how it was built, in a stage that begins with it. */
  readonly provenance: Digest | undefined;
}

async function chooseRelease(
  workspace: Workspace,
  stage: Stage,
  options: UpOptions,
  signer: Signer | undefined,
): Promise<ChosenRelease | { readonly intent: BuildIntent }> {
  const asIs = { built: false, tree: undefined };
  if (stage.after.length > 0) {
    if (options.release !== undefined) throw mustPromote(stage, options.release);
    return { release: await currentRelease(workspace, stage), ...asIs, provenance: undefined };
  }
  if (options.release !== undefined) {
    const repository = await workspace.connections.repository(stage.repository);
    const release = await findRelease(repository, options.release, workspace.signal);
    return { release, ...asIs, provenance: await provenanceOf(workspace, release) };
  }
  // A plan is of what is built already: what it does not have is another world.
  const builds = !options.dryRun && options.kept?.saved === undefined;
  if (builds) return await makeAttestedRelease(workspace, { force: options.force }, signer);
  const intent = await readIntent(workspace);
  const repository = await workspace.connections.repository(workspace.environment.image);
  const release = options.force ? undefined : await findBuilt(repository, intent, workspace.signal);
  if (!release) return { intent };
  return { release, ...asIs, tree: intent.tree, provenance: await provenanceOf(workspace, release) };
}

/** Which release it would be by now, for who has planned with another. */
function movedTo(stage: Stage, chosen: ChosenRelease | { readonly intent: BuildIntent }): string {
  if ("intent" in chosen) return `the sources are by now those of ${chosen.intent.name}, which is yet to be built`;
  if (stage.after.length > 0) return `${stage.name} is to run ${chosen.release.name} by now`;
  return `the sources are by now those of ${chosen.release.name}`;
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
