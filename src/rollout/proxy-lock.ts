import type { Clock } from "../base/clock.ts";
import type { Engine } from "../engine/engine.ts";
import { StageLock } from "./lock.ts";

/** A proxy is changed in a second or two; whoever was killed meanwhile must not keep others waiting for long. Milliseconds. */
const lifetime = 20_000;
const patience = 60_000;

/** Begins with a digit, as no environment does. */
const proxyEnvironment = "0";

export function isProxyLock(place: { readonly environment: string }): boolean {
  return place.environment === proxyEnvironment;
}

/** Does `work` while the proxy is ours alone: several stages, and several people, change the proxy that they share. */
export async function whileProxyLocked<Result>(
  engine: Engine,
  proxy: string,
  clock: Clock,
  why: string,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = new StageLock(engine, { environment: proxyEnvironment, stage: proxy }, clock);
  const held = await lock.take({ why, lifetime, held: false }, signal, { limit: patience, tell: () => {} });
  try {
    return await work();
  } finally {
    // Where it cannot be released it ends by itself, and soon; what `work` has to say must not be hidden by that.
    await held.release().catch(() => {});
  }
}
