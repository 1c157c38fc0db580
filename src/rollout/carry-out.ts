import type { Progress } from "../base/progress.ts";
import type { Task } from "../environment/model.ts";
import type { HostPlan, Step } from "../plan/plan.ts";
import { type Execution, runStep, workerOf } from "./execution.ts";
import { explain, goBack } from "./go-back.ts";
import { HostProgress } from "./host-progress.ts";
import { switchAll } from "./switch-hosts.ts";
import { runTask } from "./task.ts";

/**
 * Carries a plan out: prepare all hosts, run the tasks once, switch the hosts as the strategy says, tidy up. When anything
 * fails before all are switched, what was switched goes back (unless `on_failure: stop`).
 */
export async function carryOut(execution: Execution): Promise<void> {
  const { plan, progress } = execution;
  await progress.step("prepare", (at) => prepare(execution, at));
  await runTasks(execution, "before-switch");
  const hosts = plan.hosts.map((host) => new HostProgress(host));
  await progress.step("switch", async (at) => {
    try {
      await switchAll(execution, hosts, at);
      await runTasks({ ...execution, progress: at }, "after-switch");
    } catch (error) {
      throw await goBack(execution, hosts, error, at);
    }
  });
  await progress.step("tidy up", (at) => onHosts(execution, plan.hosts, at, (host) => host.tidy));
}

async function prepare(execution: Execution, progress: Progress): Promise<void> {
  try {
    await onHosts(execution, execution.plan.hosts, progress, (host) => host.prepare);
  } catch (error) {
    throw explain(error, "nothing was switched: what ran before still runs on every host");
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
