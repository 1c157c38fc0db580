import type { Progress } from "../base/progress.ts";
import type { HostPlan, Step } from "../plan/plan.ts";
import { isSettled } from "../plan/plan.ts";
import { describeStep } from "../plan/words.ts";
import { bake } from "./canary.ts";
import { type Execution, runStep, workerOf } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";

type Phase = "start" | "switch" | "retire";

/** Gives the clients of all hosts to the new release, in the order that the strategy says. Rejects at the first failure. */
export async function switchAll(execution: Execution, all: readonly HostProgress[], progress: Progress): Promise<void> {
  const hosts = all.filter((host) => !isSettled(host.plan));
  if (hosts.length === 0) progress.note("nothing to switch");
  switch (execution.rollout.strategy) {
    case "blue-green":
      return await blueGreen(execution, hosts, progress);
    case "canary":
      return await canary(execution, hosts, progress);
    case "rolling":
    case "recreate":
      return await inBatches(execution, hosts, progress);
  }
}

async function inBatches(execution: Execution, hosts: readonly HostProgress[], progress: Progress): Promise<void> {
  const { rollout, clock, signal } = execution;
  let first = true;
  for (const batch of batches(hosts, rollout)) {
    if (!first && rollout.pause > 0) await clock.wait(rollout.pause, signal);
    first = false;
    await together(execution, batch, ["start", "switch", "retire"], progress);
  }
}

/** The new beside the old on every host, and then all hosts at once: clients never see two releases for long. */
async function blueGreen(execution: Execution, hosts: readonly HostProgress[], progress: Progress): Promise<void> {
  await together(execution, hosts, ["start"], progress);
  await together(execution, hosts, ["switch", "retire"], progress);
}

async function canary(execution: Execution, hosts: readonly HostProgress[], progress: Progress): Promise<void> {
  const tried = hosts.filter((host) => host.plan.trial.length > 0);
  if (tried.length > 0) return await canaryByRequests(execution, hosts, tried, progress);
  const { rollout } = execution;
  // A first release has nothing to be compared with, and the last hosts nothing to be tried for.
  const replacing = hosts.filter((host) => replacesRelease(host.plan));
  const first = replacing.slice(0, rollout.canary.hosts);
  if (first.length === 0 || first.length === hosts.length) return await inBatches(execution, hosts, progress);
  await together(execution, first, ["start", "switch"], progress);
  await progress.step(`watch ${first.map((host) => host.name).join(", ")}`, (at) =>
    bake(execution, first, all(hosts), at),
  );
  await together(execution, first, ["retire"], progress);
  await inBatches(
    execution,
    hosts.filter((host) => !first.includes(host)),
    progress,
  );
}

function all(hosts: readonly HostProgress[]): readonly HostPlan[] {
  return hosts.map((host) => host.plan);
}

async function canaryByRequests(
  execution: Execution,
  hosts: readonly HostProgress[],
  tried: readonly HostProgress[],
  progress: Progress,
): Promise<void> {
  await together(execution, tried, ["start"], progress);
  for (const [index, weight] of execution.rollout.canary.weights.entries()) {
    await progress.step(`${weight}% of the requests`, async (at) => {
      await each(tried, (host) =>
        at.step(host.name, (onHost) => run(execution, host, host.plan.trial[index] ?? [], onHost)),
      );
      await bake(execution, tried, all(tried), at);
    });
  }
  await inBatches(execution, hosts, progress);
}

function replacesRelease(plan: HostPlan): boolean {
  return [...plan.start, ...plan.switch].some((step) => step.kind === "start") && stops(plan);
}

function stops(plan: HostPlan): boolean {
  return [...plan.switch, ...plan.retire].some((step) => step.kind === "stop" && step.container.running);
}

/** So many hosts at once as `batch` says, of which no more lose their app for a moment than `max_unavailable` says. */
export function batches(
  hosts: readonly HostProgress[],
  rollout: { readonly batch: number; readonly maxUnavailable: number },
): HostProgress[][] {
  const list: HostProgress[][] = [];
  for (const host of hosts) {
    const last = list.at(-1);
    const away = last?.filter(({ plan }) => plan.gap).length ?? 0;
    const fits = last && last.length < rollout.batch && (!host.plan.gap || away < rollout.maxUnavailable);
    if (fits) last.push(host);
    else list.push([host]);
  }
  return list;
}

/** These phases on these hosts, all hosts at once; each phase that a host has been through already is left out. */
async function together(
  execution: Execution,
  hosts: readonly HostProgress[],
  phases: readonly Phase[],
  progress: Progress,
): Promise<void> {
  await each(hosts, (host) =>
    progress.step(host.name, async (at) => {
      await execution.requireHeld();
      for (const phase of phases) {
        await run(
          execution,
          host,
          host.plan[phase].filter((step) => !host.begun.includes(step)),
          at,
        );
      }
      if (!phases.includes("retire")) return;
      host.done = true;
      execution.situation.set(host.name, `runs ${execution.plan.release.name}`);
    }),
  );
}

/** Waits for all, and then rejects with the first failure: nothing may go on in the background. */
async function each(hosts: readonly HostProgress[], work: (host: HostProgress) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(hosts.map(work));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function run(
  execution: Execution,
  host: HostProgress,
  steps: readonly Step[],
  progress: Progress,
): Promise<void> {
  for (const step of steps) {
    execution.signal.throwIfAborted();
    host.begun.push(step);
    execution.situation.set(host.name, `was about to: ${describeStep(step)}`);
    await runStep(step, workerOf(execution, host.name), progress, execution.signal);
  }
}
