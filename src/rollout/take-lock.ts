import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { HeldLock } from "./held-lock.ts";
import type { StageLock } from "./lock.ts";
import { describeHolder, type LockRequest } from "./lock-holder.ts";
import type { Workspace } from "./workspace.ts";

/** Takes a stage's lock; where it is locked and `--wait` was given, waits in a step that tells for whom. */
export async function takeLock(
  workspace: Pick<Workspace, "lockWait" | "progress" | "signal">,
  stage: string,
  lock: StageLock,
  request: LockRequest,
): Promise<HeldLock> {
  const { lockWait, progress, signal } = workspace;
  try {
    return await lock.take(request, signal);
  } catch (error) {
    const locked = error instanceof EnvctlError && error.exitCode === ExitCode.locked;
    if (!locked || lockWait === undefined) throw error;
  }
  return await progress.step(`wait until ${stage} is free`, (at) =>
    lock.take(request, signal, {
      limit: lockWait,
      tell: (holder) => at.output(`locked by ${describeHolder(holder)}`),
    }),
  );
}
