import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { describeStep } from "../plan/words.ts";
import type { Execution } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";
import type { HostWorker } from "./host-worker.ts";
import { undo } from "./step.ts";

/** How long putting things back may take besides what the stage allows for health and draining. Milliseconds. */
const undoTimeout = 120_000;

/** Undoes, newest first, what was switched; returns the error to throw, which says in what state that left things. */
export async function goBack(
  execution: Execution,
  hosts: readonly HostProgress[],
  reason: unknown,
  progress: Progress,
): Promise<unknown> {
  const begun = hosts.filter((host) => host.begun.length > 0);
  const back = execution.rollout.onFailure === "rollback" ? begun : begun.filter((host) => !host.done);
  const stay = begun.filter((host) => !back.includes(host));
  if (begun.length === 0) return explain(reason, "nothing was switched: what ran before still runs on every host");
  const signal = AbortSignal.timeout(undoTimeout + execution.rollout.timeout);
  const broken: string[] = [];
  await progress.step("go back", async (at) => {
    await Promise.all(
      back.map((host) =>
        at.step(host.name, async (onHost) => {
          const worker = execution.workers.get(host.name);
          if (!worker) return;
          broken.push(...(await undoAll(host, worker, onHost, signal)));
        }),
      ),
    );
  });
  for (const host of back) execution.situation.set(host.name, "went back to what ran before");
  const state = stateText(execution, back, stay, broken);
  if (broken.length === 0) return explain(reason, state);
  return new EnvctlError({
    code: "rollback-failed",
    exitCode: ExitCode.needsPerson,
    what: messageOf(reason),
    where: reason instanceof EnvctlError ? reason.where : undefined,
    evidence: reason instanceof EnvctlError ? reason.evidence : [],
    state,
    next: `envctl status ${execution.plan.stage}, and when the host answers again: envctl up ${execution.plan.stage}`,
    cause: reason,
  });
}

/** Returns what could not be undone. One step that fails does not keep the others from being undone. */
async function undoAll(
  host: HostProgress,
  worker: HostWorker,
  progress: Progress,
  signal: AbortSignal,
): Promise<string[]> {
  const broken: string[] = [];
  for (const step of [...host.begun].reverse()) {
    try {
      await undo(step, worker, progress, signal);
    } catch (error) {
      const text = `${host.name}: could not undo "${describeStep(step)}": ${messageOf(error)}`;
      broken.push(text);
      progress.warn(text);
    }
  }
  return broken;
}

function stateText(
  execution: Execution,
  back: readonly HostProgress[],
  stay: readonly HostProgress[],
  broken: readonly string[],
): string {
  const names = (hosts: readonly HostProgress[]) => hosts.map((host) => host.name).join(", ");
  // Clients have noticed a host only once it was routed to the new, or its old container stopped.
  const noticed = back.filter((host) => host.begun.some((step) => step.kind === "stop" || step.kind === "route"));
  const unnoticed = back.filter((host) => !noticed.includes(host));
  return [
    noticed.length > 0 && broken.length === 0 ? `${names(noticed)} went back to what ran before` : "",
    unnoticed.length > 0 && broken.length === 0
      ? `${names(unnoticed)}: nothing was stopped, and what was started is gone again`
      : "",
    stay.length > 0 ? `${names(stay)} stays on ${execution.plan.release.name}` : "",
    ...broken,
  ]
    .filter((part) => part !== "")
    .join("; ");
}

export function explain(error: unknown, state: string): unknown {
  return error instanceof EnvctlError && state !== "" ? error.with({ state }) : error;
}
