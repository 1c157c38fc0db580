import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { openHosts } from "../promotion/deploy.ts";
import { stageSecrets } from "../promotion/stage-secrets.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { redactor } from "../secrets/redactor.ts";
import { Sources } from "./sources.ts";
import { WantedState } from "./wanted-state.ts";

/** What a loop has to have before it can begin. */
export interface LoopParts {
  readonly engines: readonly Engine[];
  readonly sources: Sources;
  readonly wanted: WantedState;
  /** Takes the stage's secrets out of a text. */
  readonly redact: (text: string) => string;
}

export async function openParts(workspace: Workspace, stage: Stage): Promise<LoopParts> {
  const { environment, signal } = workspace;
  const [engines, sources, secrets] = await Promise.all([
    openHosts(workspace, stage),
    Sources.open(workspace, environment, signal),
    stageSecrets(workspace, stage),
  ]);
  const wanted = await WantedState.read(environment, stage, sources, undefined);
  return { engines, sources, wanted, redact: redactor(Object.values(secrets)).redact };
}
