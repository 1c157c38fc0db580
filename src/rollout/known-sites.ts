import { timeLimit } from "../base/time-limit.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { isRunning } from "../plan/observed.ts";
import type { Site } from "../proxy/proxy.ts";
import { liveRevision } from "./proxy-revision.ts";
import { readSites, revisionOf } from "./proxy-state.ts";

/** What this command has read of each proxy, or told it. */
const known = new WeakMap<Engine, Map<string, readonly Site[]>>();

/**
 * The sites of a proxy. An engine takes a tenth of a second to read a file in a container, and a proxy a millisecond to
 * say which revision it serves: what was read before counts as long as that is what the proxy serves. Throws
 * `proxy-state-invalid`.
 */
export async function currentSites(
  engine: Engine,
  container: ObservedContainer,
  signal?: AbortSignal,
): Promise<readonly Site[]> {
  const before = known.get(engine)?.get(container.id);
  if (before && isRunning(container) && (await serves(engine, container, before, signal))) return before;
  const sites = await readSites(engine, container.id, signal);
  rememberSites(engine, container.id, sites);
  return sites;
}

/** To be called once these sites are live, and in the file. */
export function rememberSites(engine: Engine, container: string, sites: readonly Site[]): void {
  const all = known.get(engine) ?? new Map<string, readonly Site[]>();
  all.set(container, sites);
  known.set(engine, all);
}

/** Whether the proxy says that it serves these very sites; false where it cannot be asked. */
export async function serves(
  engine: Engine,
  container: ObservedContainer,
  sites: readonly Site[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const revision = await liveRevision(engine, container, signal ?? timeLimit(2000));
    return revision === revisionOf(sites);
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
