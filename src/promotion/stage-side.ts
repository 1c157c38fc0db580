import type { Stage } from "../environment/model.ts";
import type { StageSide } from "../plan/compare-stages.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { releaseNamed, stageReleases } from "./current.ts";
import { readPins } from "./pins.ts";

/** What a stage runs, to be compared with another. */
export async function stageSide(workspace: Workspace, stage: Stage): Promise<StageSide> {
  const [[current], services] = await Promise.all([
    stageReleases(workspace, stage),
    readPins(workspace.environment.directory),
  ]);
  return { stage, release: current && (await releaseNamed(workspace, stage, current)), services };
}
