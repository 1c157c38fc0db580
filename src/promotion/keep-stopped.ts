import type { Engine } from "../engine/engine.ts";
import { isRunning, type ObservedHost } from "../plan/observed.ts";

/**
 * What an envctl that was killed had stopped, and not yet kept from coming back with its engine, stays stopped. Only for who
 * holds the stage: nobody else may be starting any of it meanwhile.
 */
export async function keepStopped(
  engines: readonly Engine[],
  hosts: readonly ObservedHost[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    engines.map(async (engine) => {
      const found = hosts.find(({ name }) => name === engine.name)?.containers ?? [];
      const restless = found.filter((container) => container.comesBack && container.startedAt && !isRunning(container));
      for (const { id, stopGrace } of restless) await engine.stopContainer(id, stopGrace, signal);
    }),
  );
}
