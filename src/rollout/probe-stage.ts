import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { endpointOf } from "../plan/endpoint.ts";
import { isRunning, type ObservedHost, workloadOf } from "../plan/observed.ts";
import type { Probed } from "../plan/status.ts";
import { probe } from "./probe.ts";

/** Asks every running container of a stage that has an HTTP or TCP check how it is, all at once. */
export async function probeStage(
  engine: Engine,
  observed: ObservedHost,
  stage: Stage,
  signal: AbortSignal,
): Promise<Probed> {
  const checks = observed.containers.filter(isRunning).flatMap((container) => {
    const workload = [stage.app, ...stage.workers, ...stage.services].find(
      (candidate) => candidate.name === workloadOf(container),
    );
    const health = workload && endpointOf(container, workload).health;
    return health?.kind === "http" || health?.kind === "tcp" ? [{ container, health }] : [];
  });
  const results = await Promise.all(
    checks.map(async ({ container, health }) => {
      const note = await probe(engine, container, health, signal).catch((error: unknown) => messageOf(error));
      return [container.id, { health: note === undefined ? "healthy" : "unhealthy", note } as const] as const;
    }),
  );
  return new Map(results);
}
