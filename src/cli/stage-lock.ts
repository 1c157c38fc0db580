import type { Stage } from "../environment/model.ts";
import { StageLock } from "../rollout/lock.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The stage's lock, which its first host keeps. */
export async function stageLock(workspace: Workspace, stage: Stage): Promise<StageLock> {
  const [host] = stage.hosts;
  if (!host) throw new RangeError(`stage ${stage.name} has no host`);
  const engine = await workspace.connections.engine(host, workspace.signal);
  return new StageLock(engine, { environment: workspace.environment.name, stage: stage.name }, workspace.clock);
}
