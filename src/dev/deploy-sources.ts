import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { devStage } from "../environment/dev-stage.ts";
import type { Environment, Stage } from "../environment/model.ts";
import { bringUp } from "../promotion/up.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { FailedAttempt } from "./decide.ts";
import { rememberImage } from "./last-image.ts";
import { observeImage } from "./observe-image.ts";
import { inputsOf, type RunningImage } from "./running-image.ts";

export interface SourcesDeployment {
  readonly workspace: Workspace;
  readonly environment: Environment;
  /** As the file has it. */
  readonly stage: Stage;
  /** Texts of the Dockerfile and the ignore file, read before. */
  readonly texts: readonly string[];
  /** Build even if these sources were built before. */
  readonly force: boolean;
  /** Aborted where something newer is wanted; the workspace's own counts, too. */
  readonly signal: AbortSignal;
}

/**
 * Builds the sources unless they were built before, and deploys them with what `dev` overrides, as `up` does: the old
 * release serves until the new one is healthy.
 */
export async function deploySources(
  deployment: SourcesDeployment,
): Promise<RunningImage & { readonly built: boolean }> {
  const { environment, stage, texts, force } = deployment;
  const signal = AbortSignal.any([deployment.workspace.signal, deployment.signal]);
  const workspace: Workspace = { ...deployment.workspace, environment, signal };
  const inputs = inputsOf(environment, devStage(environment, stage), texts);
  const result = await bringUp(workspace, devStage(environment, stage), { release: undefined, force, dryRun: false });
  if (result.kind !== "deployed" || !result.tree) throw new RangeError("a first stage is made of the present sources");
  const observed = await observeImage(workspace, stage, result.release.digest);
  const image = { release: result.release, tree: result.tree, inputs, observed };
  await rememberImage(workspace, stage, image);
  return { ...image, built: result.built };
}

/** When a failed deployment is worth another try. */
export function retryAfter(error: EnvctlError): FailedAttempt["retry"] {
  if (error.code === "build-failed") return "inputs";
  return error.code.includes("unreachable") || error.code === "engine-lost" ? "engine" : "anything";
}

/** Whatever was thrown, as an error that can be shown. */
export function asEnvctlError(thrown: unknown): EnvctlError {
  if (thrown instanceof EnvctlError) return thrown;
  return new EnvctlError({ code: "internal", exitCode: ExitCode.failed, what: messageOf(thrown), cause: thrown });
}
