import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { openHosts } from "../promotion/open-hosts.ts";
import { stageSecrets } from "../promotion/stage-secrets.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { redactor } from "../secrets/redactor.ts";
import { baseImages, type ReadTriggers } from "./base-images.ts";
import { baseNames } from "./image-reading.ts";
import { recallImage } from "./last-image.ts";
import type { RunningImage } from "./running-image.ts";
import { Sources } from "./sources.ts";
import { WantedState } from "./wanted-state.ts";

/** What a loop has to have before it can begin. */
export interface LoopParts {
  readonly engines: readonly Engine[];
  readonly sources: Sources;
  readonly wanted: WantedState;
  readonly readTriggers: ReadTriggers;
  /** What serves since an earlier loop, if it is known. */
  readonly image: RunningImage | undefined;
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
  const readTriggers = baseImages(workspace);
  // Both may have to ask a registry: the answer to the one is there when the other is.
  const names = baseNames(sources.texts[0], environment.image.args);
  const [image] = await Promise.all([recallImage(workspace, stage), readTriggers(names)]);
  const wanted = await WantedState.read(environment, stage, sources, image, readTriggers);
  return { engines, sources, wanted, readTriggers, image, redact: redactor(Object.values(secrets)).redact };
}
