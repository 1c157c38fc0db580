import type { Engine, ObservedContainer } from "../engine/engine.ts";

/** An engine, and what an environment has there. */
export interface FoundEngine {
  readonly engine: Engine;
  /** All names that the environment file has for it. */
  readonly names: readonly string[];
  readonly containers: readonly ObservedContainer[];
}

/**
 * Takes those for one that are one: a host can be written in several ways, such as `local` and the path of its socket. Engines
 * give each container an id of its own, so that one which two of them have is on one engine.
 */
export function distinctEngines(
  found: readonly { readonly engine: Engine; readonly containers: readonly ObservedContainer[] }[],
): FoundEngine[] {
  const distinct: FoundEngine[] = [];
  for (const { engine, containers } of found) {
    const ids = new Set(containers.map(({ id }) => id));
    const index = distinct.findIndex((other) => other.containers.some(({ id }) => ids.has(id)));
    const same = distinct[index];
    if (same) distinct[index] = { ...same, names: [...same.names, engine.name] };
    else distinct.push({ engine, names: [engine.name], containers });
  }
  return distinct;
}
