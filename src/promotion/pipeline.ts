import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import { findStage, type Workspace } from "../rollout/workspace.ts";
import { Ledger } from "./ledger.ts";
import { promote } from "./promote.ts";
import { findRelease } from "./releases.ts";
import { stagesBefore } from "./source.ts";
import { bringUp } from "./up.ts";
import { verifiedSince } from "./verified.ts";

export interface PipelineOptions {
  /** Name or digest of a release that is there already; undefined makes one of the sources. */
  readonly release: string | undefined;
  /** The stage to end with; undefined goes as far as it gets. */
  readonly to: string | undefined;
  readonly force: boolean;
  /** Says of each stage what would be done there now; what comes after it, nobody can tell yet. */
  readonly dryRun: boolean;
}

export interface PipelineStage {
  readonly stage: Stage;
  /** `closed`: a gate is; `waiting`: a stage before it does not have the release yet. */
  readonly outcome: "deployed" | "unchanged" | "would-deploy" | "closed" | "waiting";
  /** What is missing, and what to type. */
  readonly closed: EnvctlError | undefined;
}

export interface PipelineResult {
  /** Undefined in a dry run of what has yet to be built. */
  readonly release: Release | undefined;
  readonly stages: readonly PipelineStage[];
}

/**
 * Builds a release, or takes one, and brings it through stage after stage until a gate is closed. What a stage has already
 * is left alone: running it again goes on where it ended. Throws what a stage fails with; those before it keep the release.
 */
export async function runPipeline(workspace: Workspace, options: PipelineOptions): Promise<PipelineResult> {
  const { environment } = workspace;
  const wanted = stagesUpTo(environment, options.to);
  const reached = new Set<string>();
  const stages: PipelineStage[] = [];
  let release = options.release === undefined ? undefined : await namedRelease(workspace, options.release);
  for (const stage of wanted) {
    if (stage.after.some((name) => !reached.has(name))) {
      stages.push({ stage, outcome: "waiting", closed: undefined });
      continue;
    }
    const arrival = await workspace.progress.step(stage.name, (progress) =>
      bringThere({ ...workspace, progress }, stage, release, options),
    );
    release ??= arrival.release;
    if (arrival.outcome === "deployed" || arrival.outcome === "unchanged") reached.add(stage.name);
    stages.push({ stage, outcome: arrival.outcome, closed: arrival.closed });
  }
  return { release, stages };
}

/** This stage and all that a release must have been in before, in their order. */
function stagesUpTo(environment: Environment, name: string | undefined): readonly Stage[] {
  if (name === undefined) return environment.stages;
  const wanted = new Set<Stage>();
  const add = (stage: Stage) => {
    wanted.add(stage);
    for (const before of stagesBefore(environment, stage)) add(before);
  };
  add(findStage(environment, name));
  return environment.stages.filter((stage) => wanted.has(stage));
}

interface Arrival {
  readonly release: Release | undefined;
  readonly outcome: Exclude<PipelineStage["outcome"], "waiting">;
  readonly closed: EnvctlError | undefined;
}

async function bringThere(
  workspace: Workspace,
  stage: Stage,
  release: Release | undefined,
  options: PipelineOptions,
): Promise<Arrival> {
  const { dryRun, force } = options;
  const outcomeOf = (changed: boolean) => (changed ? (dryRun ? "would-deploy" : "deployed") : "unchanged");
  if (stage.after.length === 0) {
    if (release && options.release !== undefined && (await hasNow(workspace, stage, release)))
      return { release, outcome: "unchanged", closed: undefined };
    const result = await bringUp(workspace, stage, { release: release?.digest, force, dryRun });
    if (result.kind === "would-build") return { release: undefined, outcome: "would-deploy", closed: undefined };
    return { release: result.release, outcome: outcomeOf(result.changed), closed: undefined };
  }
  // What it has, no gate need let in again: a window that is closed by now is no reason to fail.
  if (release && (await hasNow(workspace, stage, release))) return { release, outcome: "unchanged", closed: undefined };
  try {
    const result = await promote(workspace, stage, { release: release?.digest, dryRun, endsAtGate: true });
    return { release, outcome: outcomeOf(result.changed), closed: undefined };
  } catch (error) {
    if (!(error instanceof EnvctlError) || error.exitCode !== ExitCode.gateClosed) throw error;
    workspace.progress.note("a gate is closed");
    return { release, outcome: "closed", closed: error };
  }
}

/**
 * As its history has it, and verified there: what was not, for whatever reason, is by the same deployment again. Whether that is
 * what runs, `envctl status --check` tells, and `envctl up` mends.
 */
async function hasNow(workspace: Workspace, stage: Stage, release: Release): Promise<boolean> {
  const repository = await workspace.connections.repository(stage.repository);
  const newest = await new Ledger(repository, workspace.environment.name, stage.name).newestChange(workspace.signal);
  if (newest?.record.outcome !== "succeeded" || newest.record.dev !== undefined) return false;
  if (newest.record.release?.digest !== release.digest) return false;
  return "at" in (await verifiedSince(workspace, stage, release.digest));
}

async function namedRelease(workspace: Workspace, typed: string): Promise<Release> {
  const repository = await workspace.connections.repository(workspace.environment.image);
  return await findRelease(repository, typed, workspace.signal);
}
