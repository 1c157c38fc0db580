import { type Engine, Label } from "../engine/engine.ts";
import { StageLock } from "../rollout/lock.ts";
import { type LockHolder, readHolder } from "../rollout/lock-holder.ts";
import { ownLocks } from "../rollout/own-locks.ts";
import { isOwn } from "../rollout/process-identity.ts";
import { isProxyLock } from "../rollout/proxy-lock.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** Whether this very process holds it. */
function isOurs(holder: LockHolder | undefined): boolean {
  return holder !== undefined && isOwn(holder.process) && ownLocks.has(holder.nonce);
}

/**
 * Removes locks whose owner is gone: the stage's, and those of the hosts' proxies. Whoever needs one takes it over anyway,
 * but nobody may come. That one cannot be removed now is no failure of the command that looks after it.
 */
export async function sweepLocks(
  { environment, clock, signal }: Workspace,
  stage: string,
  engines: readonly Engine[],
): Promise<void> {
  await Promise.allSettled(
    engines.map(async (engine) => {
      const volumes = await engine.volumes({ [Label.role]: "lock" }, signal);
      const places = volumes
        .filter((volume) => !isOurs(readHolder(volume)))
        .map(({ labels }) => ({
          environment: labels[Label.environment] ?? "",
          stage: labels[Label.stage] ?? "",
        }));
      const ours = places.filter(
        (place) => isProxyLock(place) || (place.environment === environment.name && place.stage === stage),
      );
      const distinct = new Map(ours.map((place) => [`${place.environment} ${place.stage}`, place]));
      for (const place of distinct.values()) await new StageLock(engine, place, clock).sweep(signal);
    }),
  );
}
