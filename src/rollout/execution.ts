import type { Clock } from "../base/clock.ts";
import type { Progress } from "../base/progress.ts";
import type { Rollout } from "../environment/model.ts";
import type { StagePlan, Step } from "../plan/plan.ts";
import { describeStep } from "../plan/words.ts";
import type { HostWorker } from "./host-worker.ts";
import type { Situation } from "./situation.ts";
import { perform } from "./step.ts";

/** A plan, and all that carrying it out needs. */
export interface Execution {
  readonly plan: StagePlan;
  readonly rollout: Rollout;
  readonly workers: ReadonlyMap<string, HostWorker>;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly situation: Situation;
  /** Throws once the stage's lock is no longer ours: asked before each host is changed. */
  readonly requireHeld: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** A stop of what is stopped already is in the plan only to be undone, and not worth a line. */
export async function runStep(step: Step, worker: HostWorker, progress: Progress, signal: AbortSignal): Promise<void> {
  if (step.kind === "stop" && !step.container.running) return;
  await progress.step(describeStep(step), (at) => perform(step, worker, at, signal));
}

export function workerOf(execution: Pick<Execution, "workers">, host: string): HostWorker {
  const worker = execution.workers.get(host);
  if (!worker) throw new RangeError(`no connection to ${host}`);
  return worker;
}
