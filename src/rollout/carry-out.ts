import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { Rollout } from "../environment/model.ts";
import type { HostPlan, StagePlan, Step } from "../plan/plan.ts";
import { describeStep } from "../plan/words.ts";
import type { HostWorker } from "./host-worker.ts";
import { perform, undo } from "./step.ts";
import { runTask } from "./task.ts";

/** How long putting things back may take, whatever became of the command. Milliseconds. */
const undoTimeout = 120_000;

interface Execution {
  readonly plan: StagePlan;
  readonly rollout: Rollout;
  readonly workers: ReadonlyMap<string, HostWorker>;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Carries a plan out: prepare all hosts, run the tasks once, switch the hosts in batches, tidy up. When a switch fails,
 * that host goes back at once, and so do the hosts switched before it (unless `on_failure: stop`).
 */
export async function carryOut(execution: Execution): Promise<void> {
  const { plan, progress } = execution;
  await progress.step("prepare", (at) => prepare(execution, at));
  for (const { task, host, app } of plan.tasks) {
    const worker = workerOf(execution, host);
    await progress.step(`task ${task.name} on ${host}`, (at) =>
      runTask({ task, app, worker, release: plan, progress: at, signal: execution.signal }),
    );
  }
  await progress.step("switch", (at) => switchAll(execution, at));
  await progress.step("tidy up", (at) => onHosts(execution, plan.hosts, at, (host) => host.tidy));
}

async function prepare(execution: Execution, progress: Progress): Promise<void> {
  try {
    await onHosts(execution, execution.plan.hosts, progress, (host) => host.prepare);
  } catch (error) {
    throw explain(error, "nothing was switched: what ran before still runs on every host");
  }
}

async function switchAll(execution: Execution, progress: Progress): Promise<void> {
  const { plan, rollout, signal } = execution;
  const hosts = plan.hosts.filter((host) => host.switch.length > 0);
  if (hosts.length === 0) progress.note("nothing to switch");
  const done: Switched[] = [];
  for (let index = 0; index < hosts.length; index += rollout.batch) {
    if (index > 0 && rollout.pause > 0) {
      const pause = await Promise.allSettled([execution.clock.wait(rollout.pause, signal)]);
      if (pause[0].status === "rejected") throw await goBack(execution, done, pause[0].reason, progress);
    }
    const batch = hosts.slice(index, index + rollout.batch).map((host): Switched => ({ host, steps: [] }));
    done.push(...batch);
    const results = await Promise.allSettled(batch.map((entry) => switchHost(execution, entry, progress)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw await goBack(execution, done, failed.reason, progress);
  }
}

interface Switched {
  readonly host: HostPlan;
  /** Steps begun so far, in order. */
  readonly steps: Step[];
  failed?: boolean;
}

async function switchHost(execution: Execution, entry: Switched, progress: Progress): Promise<void> {
  const worker = workerOf(execution, entry.host.host);
  await progress.step(entry.host.host, async (at) => {
    try {
      for (const step of entry.host.switch) {
        execution.signal.throwIfAborted();
        entry.steps.push(step);
        await runStep(step, worker, at, execution.signal);
      }
    } catch (error) {
      entry.failed = true;
      throw error;
    }
  });
}

/** Undoes, newest first, what was switched; returns the error to throw, which says in what state that left things. */
async function goBack(
  execution: Execution,
  done: readonly Switched[],
  reason: unknown,
  progress: Progress,
): Promise<unknown> {
  const all = execution.rollout.onFailure === "rollback";
  const back = done.filter((entry) => entry.steps.length > 0 && (all || entry.failed));
  const stay = done.filter((entry) => !back.includes(entry) && entry.steps.length > 0);
  const signal = AbortSignal.timeout(undoTimeout);
  const broken: string[] = [];
  await progress.step("go back", async (at) => {
    await Promise.all(
      back.map((entry) =>
        at.step(entry.host.host, async (onHost) => {
          for (const step of [...entry.steps].reverse()) {
            try {
              await undo(step, workerOf(execution, entry.host.host), signal);
            } catch (error) {
              broken.push(`${entry.host.host}: could not undo "${describeStep(step)}": ${messageOf(error)}`);
              onHost.warn(`${entry.host.host}: could not undo "${describeStep(step)}": ${messageOf(error)}`);
            }
          }
        }),
      ),
    );
  });
  const names = (entries: readonly Switched[]) => entries.map((entry) => entry.host.host).join(", ");
  const replaced = back.filter((entry) => entry.steps.some((step) => step.kind === "stop"));
  const empty = back.filter((entry) => !replaced.includes(entry));
  const state = [
    replaced.length > 0 && broken.length === 0 ? `${names(replaced)} went back to what ran before` : "",
    empty.length > 0 && broken.length === 0
      ? `${names(empty)}: nothing was stopped, and what was started is gone again`
      : "",
    stay.length > 0 ? `${names(stay)} stays on ${execution.plan.release.name}` : "",
    ...broken,
  ].filter((part) => part !== "");
  if (broken.length > 0) {
    return new EnvctlError({
      code: "rollback-failed",
      exitCode: ExitCode.needsPerson,
      what: messageOf(reason),
      where: reason instanceof EnvctlError ? reason.where : undefined,
      evidence: reason instanceof EnvctlError ? reason.evidence : [],
      state: state.join("; "),
      next: `envctl status ${execution.plan.stage}, and when the host answers again: envctl up ${execution.plan.stage}`,
      cause: reason,
    });
  }
  return explain(reason, state.join("; "));
}

async function onHosts(
  execution: Execution,
  hosts: readonly HostPlan[],
  progress: Progress,
  choose: (host: HostPlan) => readonly Step[],
): Promise<void> {
  const busy = hosts.filter((host) => choose(host).length > 0);
  if (busy.length === 0) progress.note("nothing to do");
  const results = await Promise.allSettled(
    busy.map((host) =>
      progress.step(host.host, async (at) => {
        for (const step of choose(host)) {
          execution.signal.throwIfAborted();
          await runStep(step, workerOf(execution, host.host), at, execution.signal);
        }
      }),
    ),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** A stop of what is stopped already is in the plan only to be undone, and not worth a line. */
async function runStep(step: Step, worker: HostWorker, progress: Progress, signal: AbortSignal): Promise<void> {
  if (step.kind === "stop" && !step.container.running) return;
  await progress.step(describeStep(step), (at) => perform(step, worker, at, signal));
}

function workerOf(execution: Execution, host: string): HostWorker {
  const worker = execution.workers.get(host);
  if (!worker) throw new RangeError(`no connection to ${host}`);
  return worker;
}

function explain(error: unknown, state: string): unknown {
  return error instanceof EnvctlError && state !== "" ? error.with({ state }) : error;
}
