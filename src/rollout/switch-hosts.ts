import { formatDuration } from "../base/duration.ts";
import type { Progress } from "../base/progress.ts";
import type { HostPlan, Step } from "../plan/plan.ts";
import { isSettled } from "../plan/plan.ts";
import { trialOf } from "../plan/trial.ts";
import { describeStep } from "../plan/words.ts";
import { batches } from "./batches.ts";
import { bake } from "./canary.ts";
import { type Execution, runStep, workerOf } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";
import type { HostWorker } from "./host-worker.ts";
import { prepareSwitch } from "./look-ahead.ts";

type Phase = "standDown" | "start" | "switch" | "retire";

const wholeWay: readonly Phase[] = ["start", "switch", "retire"];

/** Of a host that goes through its phases at several times: which it is in, by the first of those. */
const words: Readonly<Record<Phase, string>> = {
  standDown: "make room on",
  start: "make ready on",
  switch: "switch",
  retire: "retire the old on",
};

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

async function inBatches(
  execution: Execution,
  hosts: readonly HostProgress[],
  progress: Progress,
  phases: readonly Phase[] = wholeWay,
): Promise<void> {
  const { rollout, clock, signal } = execution;
  let first = true;
  for (const batch of batches(hosts, rollout)) {
    if (!first && rollout.pause > 0) {
      await progress.step(`pause for ${formatDuration(rollout.pause)}`, () => clock.wait(rollout.pause, signal));
    }
    first = false;
    await together(execution, batch, phases, progress);
  }
}

/** The new beside the old on every host, and then all hosts at once: clients never see two releases for long. */
async function blueGreen(execution: Execution, hosts: readonly HostProgress[], progress: Progress): Promise<void> {
  const ready = hosts.filter((host) => !host.plan.gap);
  const crowded = hosts.filter((host) => host.plan.standDown.length > 0);
  await each(
    [
      // What stands by no more may take its time to end: no client waits for that.
      () => together(execution, crowded, ["standDown"], progress),
      async () => {
        await together(execution, hosts, ["start"], progress);
        await together(execution, ready, ["switch", "retire"], progress);
      },
    ],
    (work) => work(),
  );
  // Not all of those at once, or nobody would serve.
  const withGap = hosts.filter((host) => host.plan.gap);
  await inBatches(execution, withGap, progress);
}

async function canary(execution: Execution, hosts: readonly HostProgress[], progress: Progress): Promise<void> {
  const trial = trialOf(plansOf(hosts), execution.rollout);
  if (!trial) return await inBatches(execution, hosts, progress);
  const first = hosts.filter((host) => trial.hosts.includes(host.plan));
  if (trial.by === "requests") return await canaryByRequests(execution, hosts, first, progress);
  await inBatches(execution, first, progress, ["start", "switch"]);
  await progress.step(`watch ${first.map((host) => host.name).join(", ")}`, (at) =>
    bake(execution, first, plansOf(hosts), at),
  );
  await together(execution, first, ["retire"], progress);
  const rest = hosts.filter((host) => !first.includes(host));
  await inBatches(execution, rest, progress);
}

function plansOf(hosts: readonly HostProgress[]): readonly HostPlan[] {
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
      await execution.requireHeld();
      await each(tried, (host) =>
        at.step(host.name, (onHost) => run(execution, host, host.plan.trial[index] ?? [], onHost)),
      );
      await at.step(`watch for ${formatDuration(execution.rollout.canary.bake)}`, (watching) =>
        bake(execution, tried, plansOf(tried), watching),
      );
    });
  }
  await inBatches(execution, hosts, progress);
}

/** These phases on these hosts, all hosts at once; each phase that a host has been through already is left out. */
async function together(
  execution: Execution,
  hosts: readonly HostProgress[],
  phases: readonly Phase[],
  progress: Progress,
): Promise<void> {
  await each(hosts, (host) =>
    progress.step(titleOf(host, phases), async (at) => {
      await execution.requireHeld();
      const worker = workerOf(execution, host.name);
      // While they are started nobody hears of the proxy: so not before all have looked at it.
      if (phases.includes("start")) await prepareSwitch(worker, host.plan, execution.signal);
      for (const phase of phases) {
        if (phase === "switch") await prepareSwitch(worker, host.plan, execution.signal);
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

function titleOf({ name }: HostProgress, phases: readonly Phase[]): string {
  const [first] = phases;
  return phases === wholeWay || first === undefined ? name : `${words[first]} ${name}`;
}

/** Waits for all, and then rejects with the first failure: nothing may go on in the background. */
async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(work));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function run(
  execution: Execution,
  host: HostProgress,
  steps: readonly Step[],
  progress: Progress,
): Promise<void> {
  const worker = workerOf(execution, host.name);
  for (const group of sideBySide(steps)) {
    execution.signal.throwIfAborted();
    host.begun.push(...group);
    execution.situation.set(host.name, `was about to: ${group.map(describeStep).join(", ")}`);
    await runGroup(execution, group, worker, progress);
  }
}

/** Once one container is not healthy, nobody needs to know of the others; what starts or stops is waited for. */
async function runGroup(
  execution: Execution,
  group: readonly Step[],
  worker: HostWorker,
  progress: Progress,
): Promise<void> {
  const failure = new AbortController();
  const errors: unknown[] = [];
  const waiting = AbortSignal.any([execution.signal, failure.signal]);
  await Promise.allSettled(
    group.map(async (step) => {
      try {
        await runStep(step, worker, progress, step.kind === "wait-healthy" ? waiting : execution.signal);
      } catch (error) {
        errors.push(error);
        failure.abort(new Error("another container is not healthy"));
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
}

/** Containers that start, are waited for, or stop one after the other in the plan, need not do so one by one. */
function sideBySide(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    const together = step.kind === "start" || step.kind === "wait-healthy" || step.kind === "stop";
    if (together && last?.[0]?.kind === step.kind) last.push(step);
    else groups.push([step]);
  }
  return groups;
}
