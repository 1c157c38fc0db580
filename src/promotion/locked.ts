import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { StageLock } from "../rollout/lock.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** A lock that nobody released holds no longer than this. Milliseconds. */
const lockLifetime = 60 * 60 * 1000;

/** Does `work` while the stage is ours alone. `first` is the stage's first host. Throws `locked` (exit 4). */
export async function whileLocked<Result>(
  workspace: Workspace,
  stage: Stage,
  first: Engine,
  why: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = new StageLock(first, { environment: workspace.environment.name, stage: stage.name }, workspace.clock);
  const unlock = await lock.take({ why, expiresAfter: lockLifetime, held: false }, workspace.signal);
  try {
    return await work();
  } finally {
    await release(workspace, stage, unlock);
  }
}

/** A lock that cannot be released must not hide what came before it: it ends by itself, or is broken by hand. */
async function release(workspace: Workspace, stage: Stage, unlock: () => Promise<void>): Promise<void> {
  try {
    await unlock();
  } catch (error) {
    workspace.progress.warn(
      `the lock of ${stage.name} could not be released (envctl unlock ${stage.name}): ${messageOf(error)}`,
    );
  }
}
