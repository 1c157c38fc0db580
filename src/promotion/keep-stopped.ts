import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { isRunning, type ObservedHost } from "../plan/observed.ts";

/** What was stopped, and would run again with its engine: envctl was killed right then, or the engine's disk was full. */
export function restless({ containers }: Pick<ObservedHost, "containers">): ObservedContainer[] {
  return containers.filter((container) => container.comesBack && container.startedAt && !isRunning(container));
}

/** Lets it stay stopped. Only for who holds the stage: nobody else may be starting any of it meanwhile. */
export async function keepStopped(
  engines: readonly Engine[],
  hosts: readonly ObservedHost[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    engines.map(async (engine) => {
      const host = hosts.find(({ name }) => name === engine.name);
      for (const { id, stopGrace } of host ? restless(host) : []) await engine.stopContainer(id, stopGrace, signal);
    }),
  );
}
