import type { ObservedImage } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { roleOf } from "../plan/observed.ts";
import { stageLabels } from "../rollout/observe.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** What the image says of itself, as a host has it. */
export async function observeImage(
  workspace: Workspace,
  stage: Stage,
  digest: string,
): Promise<ObservedImage | undefined> {
  const { environment, connections, signal } = workspace;
  const [host] = stage.hosts;
  if (!host) return undefined;
  const engine = await connections.engine(host, signal);
  const containers = await engine.containers(stageLabels(environment.name, stage.name), signal);
  const app = containers.find((one) => roleOf(one) === "app" && one.labels["envctl.digest"] === digest);
  return app && (await engine.image(app.imageId, signal));
}
