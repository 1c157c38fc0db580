import { milliseconds } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { endpointOf } from "../plan/endpoint.ts";
import { isRunning, type ObservedHost, workloadOf } from "../plan/observed.ts";
import type { Probed } from "../plan/status.ts";
import { probe } from "./probe.ts";

/**
 * Asks every running container of a stage that has an HTTP or TCP check how it is, all at once. No answer is waited for longer
 * than `patience` milliseconds.
 */
export async function probeStage(
  engine: Engine,
  observed: ObservedHost,
  stage: Stage,
  signal: AbortSignal,
  patience = Number.POSITIVE_INFINITY,
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
      const timeout = milliseconds(Math.min(health.timeout, patience));
      const note = await probe(engine, container, { ...health, timeout }, signal).catch((error: unknown) => {
        // Who is interrupted has learnt nothing of the container.
        signal.throwIfAborted();
        return messageOf(error);
      });
      return [container.id, { health: note === undefined ? "healthy" : "unhealthy", note } as const] as const;
    }),
  );
  return new Map(results);
}
