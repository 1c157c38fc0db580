import { formatDuration } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { HeldLock } from "../rollout/held-lock.ts";
import { untilInReach } from "../rollout/in-reach.ts";
import { StageLock } from "../rollout/lock.ts";
import { takeLock } from "../rollout/take-lock.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** A lock whose owner does not renew it, because it was killed, ends after this. Milliseconds. */
const lockLifetime = 5 * 60 * 1000;

/** How long a host is waited for that does not answer: its engine may be about to be back. Milliseconds. */
const releasePatience = 10_000;

/** Does `work` while the stage is ours alone. `first` is the stage's first host. Throws `locked` (exit 4). */
export async function whileLocked<Result>(
  workspace: Workspace,
  stage: Stage,
  first: Engine,
  why: string,
  work: (lock: HeldLock) => Promise<Result>,
): Promise<Result> {
  const lock = new StageLock(first, { environment: workspace.environment.name, stage: stage.name }, workspace.clock);
  const held = await takeLock(workspace, stage.name, lock, { why, lifetime: lockLifetime, held: false });
  // Gone with us, the lock is taken over by the next command here at once, and elsewhere when its time is over.
  workspace.situation.set(
    `the lock of ${stage.name}`,
    `still held; the next command on this machine takes it over, from elsewhere after ${formatDuration(lockLifetime)} or envctl unlock ${stage.name}`,
  );
  try {
    return await work(held);
  } finally {
    await release(workspace, stage, held);
  }
}

/** A lock that cannot be released must not hide what came before it: it ends by itself, or is broken by hand. */
async function release(workspace: Workspace, stage: Stage, held: HeldLock): Promise<void> {
  try {
    let end: number | undefined;
    const tell = (error: unknown) => {
      if (end === undefined)
        workspace.progress.warn(
          `the lock of ${stage.name} cannot be released yet, and is tried again for ${formatDuration(releasePatience)}: ${messageOf(error)}`,
        );
      end ??= performance.now() + releasePatience;
      return end;
    };
    // An interruption is no reason to leave a lock behind.
    const signal = timeLimit(6 * releasePatience);
    await untilInReach(() => held.release(), { tell, clock: workspace.clock, signal });
    workspace.situation.set(`the lock of ${stage.name}`, undefined);
  } catch (error) {
    workspace.progress.warn(
      `the lock of ${stage.name} could not be released; the next command on this machine takes it over, from elsewhere after ${formatDuration(lockLifetime)} or envctl unlock ${stage.name}: ${messageOf(error)}`,
    );
  }
}
