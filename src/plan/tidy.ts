import type { ObservedContainer } from "../engine/engine.ts";
import { byGeneration, generationOf, isRunning, type ObservedHost, roleOf, workloadOf } from "./observed.ts";
import { existing, type Step } from "./plan.ts";

/**
 * Containers of tasks whose envctl died: those of a rollout in any state, because whoever plans holds the stage or is about
 * to; those of `envctl run` (generation 0) only once they have ended, because somebody may be waiting for them.
 */
export function leftoverTaskSteps(host: ObservedHost): Step[] {
  return host.containers
    .filter((container) => roleOf(container) === "task" && (generationOf(container) > 0 || !isRunning(container)))
    .flatMap((container) => removeSteps(container, "left over from a task"));
}

function removeSteps(container: ObservedContainer, why: string): Step[] {
  const found = existing(container);
  return [
    ...(found.running ? [{ kind: "stop", container: found, why, health: undefined } as const] : []),
    { kind: "remove", container: found, why },
  ];
}

/**
 * What is left over on a host: services that the file no longer names, containers that never started, and stopped releases
 * beyond those kept for rollback.
 */
export function tidySteps(
  host: ObservedHost,
  wish: {
    /** Ids of the containers that are what is wanted. */
    readonly kept: ReadonlySet<string>;
    /** Ids of those that the plan has stopped by then. */
    readonly stopped: ReadonlySet<string>;
    readonly keep: number;
    readonly services: readonly string[];
  },
): Step[] {
  const steps: Step[] = [];
  const remove = (container: ObservedContainer, why: string) => {
    const stopped = wish.stopped.has(container.id);
    steps.push(...removeSteps(container, why).filter((step) => step.kind === "remove" || !stopped));
  };
  const rest = byGeneration(host.containers).filter((container) => !wish.kept.has(container.id));
  for (const container of rest) {
    const role = roleOf(container);
    if (role === "service" && !wish.services.includes(workloadOf(container)))
      remove(container, "no longer in the environment file");
    else if (role === "service" && !isRunning(container)) remove(container, "replaced");
  }
  const stopped = rest.filter(
    (container) => roleOf(container) === "app" && (!isRunning(container) || wish.stopped.has(container.id)),
  );
  for (const container of stopped.filter((candidate) => candidate.startedAt === undefined))
    remove(container, "never started");
  // Those that run now and are about to be replaced count among the kept: they are the next to roll back to.
  const generations = new Set(
    rest.filter((container) => roleOf(container) === "app" && container.startedAt !== undefined).map(generationOf),
  );
  const keep = new Set([...generations].slice(0, wish.keep));
  for (const container of stopped) {
    if (container.startedAt !== undefined && !keep.has(generationOf(container)))
      remove(container, "older than the releases kept for rollback");
  }
  return steps;
}
