import type { LockHolder } from "./lock-holder.ts";

/** What can be known of a lock's owner from here. Times in milliseconds. */
export interface Evidence {
  /** Whether its process runs; undefined where it cannot be seen: on another machine, in a container. */
  readonly running: boolean | undefined;
  /** The engine's clock now; undefined where the engine does not tell it. */
  readonly engineTime: Date | undefined;
  /** This machine's clock now. */
  readonly ownTime: Date;
  /** How long this process has watched this very volume, by a clock that nobody sets. */
  readonly watched: number;
}

/** Engines tell in whole seconds when a volume was made. */
const precision = 1000;

/**
 * Whether a lock no longer holds. A process that can be seen is believed. Of any other, two clocks must say that its time
 * is over, the engine's and ours: each may be wrong alone (a machine that slept, a clock that was set), and a living owner
 * must not lose its lock. Where they disagree, only watching helps: an owner that lives renews within the lifetime.
 */
export function isGone(holder: LockHolder, evidence: Evidence): boolean {
  const { running, engineTime, ownTime, watched } = evidence;
  const ownAge = ownTime.getTime() - holder.renewed.getTime();
  const engineAge =
    engineTime && holder.createdAt ? engineTime.getTime() - holder.createdAt.getTime() - precision : undefined;
  if (holder.held) return (engineAge ?? ownAge) > holder.lifetime;
  if (running !== undefined) return !running;
  if (watched > holder.lifetime) return true;
  return engineAge !== undefined && engineAge > holder.lifetime && ownAge > holder.lifetime;
}
