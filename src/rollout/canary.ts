import { formatDuration, milliseconds } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import type { Engine } from "../engine/engine.ts";
import { siteId, upstreamName } from "../plan/naming.ts";
import type { ContainerTarget, HostPlan } from "../plan/plan.ts";
import type { Access } from "../proxy/proxy.ts";
import { type Execution, workerOf } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";
import type { HostWorker } from "./host-worker.ts";
import { lastLines } from "./last-lines.ts";
import { probe } from "./probe.ts";
import { driverOf } from "./proxy-host.ts";
import { Tally } from "./tally.ts";

/** Checks of a container that may fail one after the other before it counts as unhealthy. */
const toleratedFailures = 3;

/**
 * Watches the new release for the canary's bake time, by health and by what the proxies log. Rejects as soon as it is
 * worse than it may be: `canary-failed`.
 */
export async function bake(
  execution: Execution,
  tried: readonly HostProgress[],
  compared: readonly HostPlan[],
  progress: Progress,
): Promise<void> {
  const { rollout, plan, clock } = execution;
  const { canary } = rollout;
  const targets = tried.map((host) => ({ worker: workerOf(execution, host.name), containers: targetsOf(host.plan) }));
  const names = new Set(targets.flatMap(({ containers }) => containers.map(({ name }) => upstreamName(name))));
  const tally = new Tally(names, canary);
  const id = siteId(plan);
  const stop = new AbortController();
  const signal = AbortSignal.any([execution.signal, stop.signal]);
  const fail = (why: string, evidence: readonly string[], where: string) =>
    new EnvctlError({
      code: "canary-failed",
      exitCode: ExitCode.failed,
      what: `${plan.release.name} failed as a canary: ${why}`,
      where,
      evidence,
    });
  const logs = compared.map((host) =>
    readAccesses(workerOf(execution, host.host), host, signal, (access) => {
      if (access.site !== id) return;
      tally.add(access);
      progress.update(tally.text);
    }),
  );
  const checks = targets.flatMap(({ worker, containers }) =>
    containers.map(async (container) => {
      const why = await untilUnhealthy(worker, container, clock, signal);
      if (why === undefined) return;
      const evidence = await evidenceOf(worker.engine, container.name);
      throw fail(`${container.name} is unhealthy: ${why}`, evidence, worker.engine.name);
    }),
  );
  const worse = tally.untilWorse(signal).then(async (why) => {
    const [first] = targets;
    if (why === undefined || !first) return;
    const evidence = await evidenceOf(first.worker.engine, first.containers[0]?.name ?? "");
    throw fail(why, evidence, targets.map(({ worker }) => worker.engine.name).join(", "));
  });
  try {
    await Promise.race([clock.wait(canary.bake, signal), never(worse), ...checks.map(never)]);
    progress.note(`${tally.text} in ${formatDuration(milliseconds(canary.bake))}`);
  } finally {
    stop.abort();
    await Promise.allSettled([...logs, ...checks, worse]);
  }
}

/** Rejects as it does, and never resolves: ending well is not what a watch does. */
function never(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    work.catch(reject);
  });
}

function targetsOf(
  plan: HostPlan,
): readonly (ContainerTarget & { readonly health: Parameters<typeof probe>[2] | undefined })[] {
  const waits = [...plan.start, ...plan.switch].flatMap((step) => (step.kind === "wait-healthy" ? [step] : []));
  return waits.map(({ container, health }) => ({
    ...container,
    health: health?.kind === "http" || health?.kind === "tcp" ? health : undefined,
  }));
}

async function untilUnhealthy(
  worker: HostWorker,
  target: ReturnType<typeof targetsOf>[number],
  clock: Execution["clock"],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { engine } = worker;
  for (let failures = 0; !signal.aborted; ) {
    const container = await engine.container(target.name, signal).catch(() => undefined);
    if (signal.aborted) break;
    if (container?.state !== "running") return `it is ${container?.state ?? "gone"}`;
    if (container.restartCount > 0) return `it was restarted ${container.restartCount} times`;
    const wrong =
      container.health === "unhealthy"
        ? (container.healthOutput?.trim() ?? "its health check fails")
        : target.health && (await probe(engine, container, target.health, signal).catch(() => undefined));
    failures = wrong === undefined ? 0 : failures + 1;
    if (wrong !== undefined && failures >= toleratedFailures) return wrong;
    await clock.wait(target.health?.interval ?? 1000, signal).catch(() => {});
  }
  return undefined;
}

/** Follows the access logs of the proxies that the plan routes by. */
async function readAccesses(
  worker: HostWorker,
  plan: HostPlan,
  signal: AbortSignal,
  tell: (access: Access) => void,
): Promise<void> {
  const routes = [...plan.trial.flat(), ...plan.switch].flatMap((step) => (step.kind === "route" ? [step] : []));
  const proxies = new Set(routes.map((step) => step.proxy.name));
  await Promise.allSettled(
    [...proxies].map(async (proxy) => {
      const container = await worker.engine.container(proxy, signal);
      if (!container) return;
      const driver = await driverOf(container, worker.engine.name);
      const options = { follow: true, tail: 0, since: undefined, timestamps: false, signal };
      for await (const line of worker.engine.logs(container.id, options)) {
        const access = driver.readAccess(line.text);
        if (access) tell(access);
      }
    }),
  );
}

async function evidenceOf(engine: Engine, container: string): Promise<string[]> {
  const lines = await lastLines(engine, container, 20);
  return lines.length > 0 ? [`the last output of ${container}:`, ...lines.map((line) => `  ${line}`)] : [];
}
