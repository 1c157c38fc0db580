import { messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { Task } from "../environment/model.ts";
import type { HostPlan, Step } from "../plan/plan.ts";
import { type Execution, runStep, workerOf } from "./execution.ts";
import { explain, goBack } from "./go-back.ts";
import { HostProgress } from "./host-progress.ts";
import { switchAll } from "./switch-hosts.ts";
import { runTask } from "./task.ts";

const nothingSwitched = "nothing was switched: what ran before still runs on every host";

/**
 * Carries a plan out: prepare all hosts, run the tasks once, switch the hosts as the strategy says. When anything fails
 * before all are switched, what was switched goes back (unless `on_failure: stop`).
 */
export async function carryOut(execution: Execution): Promise<void> {
  const { plan, progress } = execution;
  await progress.step("prepare", (at) => prepare(execution, at));
  try {
    await runTasks(execution, "before-switch");
  } catch (error) {
    throw explain(error, nothingSwitched);
  }
  const hosts = plan.hosts.map((host) => new HostProgress(host));
  await progress.step("switch", async (at) => {
    try {
      await switchAll(execution, hosts, at);
      await runTasks({ ...execution, progress: at }, "after-switch");
    } catch (error) {
      throw await goBack(execution, hosts, error, at);
    }
  });
}

/**
 * A service that does not run as it is wanted gives way to what ran before. One that was healthy stays, whatever fails
 * later: its data may be of its version by then.
 */
async function prepare(execution: Execution, progress: Progress): Promise<void> {
  const hosts = execution.plan.hosts.map((host) => new HostProgress(host));
  try {
    await onHosts(execution, hosts, progress, (host) => host.prepare);
  } catch (error) {
    for (const host of hosts) host.begun.splice(0, host.begun.length, ...unfinishedService(host));
    const left = hosts.filter(({ begun }) => begun.length > 0);
    throw left.length > 0 ? await goBack(execution, left, error, progress) : explain(error, nothingSwitched);
  }
}

/** What was begun last is not known to be done; what is left over from a task is not to run again. */
function unfinishedService({ begun, done, plan }: HostProgress): readonly Step[] {
  if (done) return [];
  const lastHealthy = begun.slice(0, -1).findLastIndex(({ kind }) => kind === "wait-healthy");
  const removed = new Set(plan.prepare.flatMap((step) => (step.kind === "remove" ? [step.container.id] : [])));
  return begun
    .slice(lastHealthy + 1)
    .filter(
      (step) =>
        step.kind === "create" || step.kind === "start" || (step.kind === "stop" && !removed.has(step.container.id)),
    );
}

/**
 * Removes what is left over once a plan is carried out. Clients have the new release by then, everywhere: what could not be
 * removed is no reason to say that it failed.
 */
export async function tidyUp(execution: Execution): Promise<void> {
  const { plan, progress, signal } = execution;
  const hosts = plan.hosts.map((host) => new HostProgress(host));
  try {
    await progress.step("tidy up", (at) => onHosts(execution, hosts, at, (host) => host.tidy));
  } catch (error) {
    if (signal.aborted) throw explain(error, `every host runs ${plan.release.name}; some leftovers are still there`);
    progress.warn(`some leftovers are still there, and go with the next command: ${messageOf(error)}`);
  }
}

async function runTasks(execution: Execution, when: Task["when"]): Promise<void> {
  const { plan, progress, signal } = execution;
  for (const { task, host, app } of plan.tasks) {
    if (task.when !== when) continue;
    const worker = workerOf(execution, host);
    await progress.step(`task ${task.name} on ${host}`, (at) =>
      runTask({ task, app, worker, release: plan, progress: at, signal }),
    );
  }
}

async function onHosts(
  execution: Execution,
  hosts: readonly HostProgress[],
  progress: Progress,
  choose: (host: HostPlan) => readonly Step[],
): Promise<void> {
  const busy = hosts.filter((host) => choose(host.plan).length > 0);
  if (busy.length === 0) progress.note("nothing to do");
  const results = await Promise.allSettled(
    busy.map((host) =>
      progress.step(host.name, async (at) => {
        for (const step of choose(host.plan)) {
          host.begun.push(step);
          execution.signal.throwIfAborted();
          await runStep(step, workerOf(execution, host.name), at, execution.signal);
        }
        host.done = true;
      }),
    ),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
