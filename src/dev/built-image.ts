import type { ObservedImage } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { byGeneration, roleOf } from "../plan/observed.ts";
import { askHost } from "../promotion/ask-host.ts";
import { stageLabels } from "../rollout/observe.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** Long enough for a connection over SSH; who asks for an explanation does not wait for a host that is away. */
const patience = 5000;

/** The image that the stage's newest container runs. Undefined where there is none, or where its host does not answer. */
export async function findBuiltImage(workspace: Workspace, stage: Stage): Promise<ObservedImage | undefined> {
  const [address] = stage.hosts;
  if (!address) return undefined;
  const found = await askHost(workspace, address, patience, async (engine, signal) => {
    const containers = await engine.containers(stageLabels(workspace.environment.name, stage.name), signal);
    const [newest] = byGeneration(containers.filter((container) => roleOf(container) === "app"));
    return newest && (await engine.image(newest.imageId, signal));
  });
  return "answer" in found ? found.answer : undefined;
}
