import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { StageLock } from "../rollout/lock.ts";
import { ownLocks } from "../rollout/own-locks.ts";
import { takeLock } from "../rollout/take-lock.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The stage is locked there only while the others are looked at. Milliseconds. */
const lifetime = 20_000;

/**
 * The name of the one among these that is the same engine: where the stage is locked on one, it is on the other. For engines
 * without containers, whose ids would tell; names and times of volumes do not. Throws `locked` (exit 4).
 */
export async function sameEngine(
  workspace: Workspace,
  stage: Stage,
  engine: Engine,
  others: readonly Engine[],
): Promise<string | undefined> {
  const { environment, clock, signal } = workspace;
  const lockOn = (one: Engine) => new StageLock(one, { environment: environment.name, stage: stage.name }, clock);
  const why = `telling ${engine.name} from the hosts of ${stage.name}`;
  const held = await takeLock(workspace, stage.name, lockOn(engine), { why, lifetime, held: false });
  try {
    const holders = await Promise.all(others.map((other) => lockOn(other).holders(signal)));
    return others.find((_, index) => holders[index]?.some(({ nonce }) => ownLocks.has(nonce)))?.name;
  } finally {
    await held.release();
  }
}
