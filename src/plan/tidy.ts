import type { ObservedContainer } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { DesiredContainer } from "./desired.ts";
import { isDevContainer } from "./dev-container.ts";
import { whyLeaving } from "./home.ts";
import { upstreamName } from "./naming.ts";
import {
  byGeneration,
  firstOfEachReplica,
  generationOf,
  isRunning,
  labelledDigest,
  type ObservedHost,
  roleOf,
  workloadOf,
} from "./observed.ts";
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

interface TidyWish {
  /** Ids of the containers that are what is wanted. */
  readonly kept: ReadonlySet<string>;
  /** Ids of those that the plan has stopped by then. */
  readonly stopped: ReadonlySet<string>;
  readonly keep: number;
  /** Digest of the release that is wanted. */
  readonly release: string;
  /** Upstreams that proxies had until now: they served, whatever else runs. */
  readonly left: ReadonlySet<string>;
  readonly stage: Stage;
  /** The workers and services that belong on the host; one may have the name that one of the other kind had before. */
  readonly workloads: readonly Pick<DesiredContainer, "role" | "workload">[];
}

/**
 * What is left over on a host: workers and services that do not belong there, containers that never started, and stopped releases
 * beyond those kept for rollback.
 */
export function tidySteps(host: ObservedHost, wish: TidyWish): Step[] {
  const steps: Step[] = [];
  const remove = (container: ObservedContainer, why: string) => {
    const stopped = wish.stopped.has(container.id);
    steps.push(...removeSteps(container, why).filter((step) => step.kind === "remove" || !stopped));
  };
  const rest = byGeneration(host.containers).filter((container) => !wish.kept.has(container.id));
  for (const container of rest) {
    const role = roleOf(container);
    if ((role === "service" || role === "worker") && !belongs(container, wish))
      remove(container, whyLeaving(wish.stage, container));
    else if (role === "service" && !isRunning(container)) remove(container, "replaced");
  }
  const stopped = rest.filter(
    (container) => runsRelease(container, wish) && (!isRunning(container) || wish.stopped.has(container.id)),
  );
  for (const container of stopped.filter((candidate) => candidate.startedAt === undefined))
    remove(container, "never started");
  const kept = keptForRollback(rest, wish);
  for (const container of stopped) {
    if (container.startedAt !== undefined && !kept.has(container.id))
      remove(container, "not among the releases kept for rollback");
  }
  return steps;
}

/**
 * Ids of the containers by which each of the last releases besides the one that is wanted served last, those that served
 * last first: what runs now and is about to be replaced is the next to roll back to.
 */
function keptForRollback(containers: readonly ObservedContainer[], wish: Omit<TidyWish, "kept">): ReadonlySet<string> {
  const served = containers.filter(
    (container) =>
      runsRelease(container, wish) &&
      !isDevContainer(container) &&
      container.startedAt !== undefined &&
      labelledDigest(container) !== undefined &&
      labelledDigest(container) !== wish.release,
  );
  const rank = (container: ObservedContainer) => {
    if (isRunning(container) && !wish.stopped.has(container.id)) return 3;
    return wish.left.has(upstreamName(container.name)) ? 2 : Number(isRunning(container));
  };
  const lastFirst = [...served].sort(
    (left, right) => rank(right) - rank(left) || (right.startedAt?.getTime() ?? 0) - (left.startedAt?.getTime() ?? 0),
  );
  const releases = [...new Set(lastFirst.map(labelledDigest))].slice(0, wish.keep);
  return new Set(
    releases.flatMap((digest) => {
      const own = lastFirst.filter((container) => labelledDigest(container) === digest);
      return firstOfEachReplica(own).map(({ id }) => id);
    }),
  );
}

/** Containers of the app, and of the workers that belong on the host. */
function runsRelease(container: ObservedContainer, wish: Pick<TidyWish, "workloads">): boolean {
  const role = roleOf(container);
  return role === "app" || (role === "worker" && belongs(container, wish));
}

function belongs(container: ObservedContainer, { workloads }: Pick<TidyWish, "workloads">): boolean {
  return workloads.some(({ role, workload }) => role === roleOf(container) && workload.name === workloadOf(container));
}
