import { setMaxListeners } from "node:events";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { timeLimit } from "../base/time-limit.ts";
import { siteId, upstreamName } from "../plan/naming.ts";
import type { HostPlan } from "../plan/plan.ts";
import type { Access } from "../proxy/proxy.ts";
import { redactorOf } from "../secrets/redactor.ts";
import { reportBake } from "./bake-report.ts";
import { type Execution, workerOf } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";
import type { HostWorker } from "./host-worker.ts";
import { lastLines } from "./last-lines.ts";
import { driverOf } from "./proxy-host.ts";
import { Tally } from "./tally.ts";
import { untilUnhealthy } from "./watch-health.ts";

/**
 * Watches the new release for the canary's bake time on the hosts that try it, by health and by what the proxies of all
 * compared hosts log. Rejects as soon as it is worse than it may be: `canary-failed`.
 */
export async function bake(
  execution: Execution,
  tried: readonly HostProgress[],
  compared: readonly HostPlan[],
  progress: Progress,
): Promise<void> {
  const { rollout, plan, clock } = execution;
  const { canary } = rollout;
  const targets = tried.flatMap((host) =>
    host.plan.serving.map((container) => ({ worker: workerOf(execution, host.name), container })),
  );
  const tally = new Tally(new Set(targets.map(({ container }) => upstreamName(container.name))), canary);
  const id = siteId(plan);
  const stop = new AbortController();
  const signal = AbortSignal.any([execution.signal, stop.signal]);
  // One listener for each log, check and wait.
  setMaxListeners(0, signal);
  const fail = async (why: string, target: (typeof targets)[number]) =>
    new EnvctlError({
      code: "canary-failed",
      exitCode: ExitCode.failed,
      what: `${plan.release.name} failed as a canary: ${why}`,
      where: `${target.worker.engine.name}, container ${target.container.name}`,
      evidence: [tally.text, ...(await evidenceOf(target.worker, target.container.name))],
    });
  const logs = compared.map((host) =>
    readAccesses(workerOf(execution, host.host), host, signal, (access) => {
      if (access.site === id) tally.add(access);
    }),
  );
  const checks = targets.map(async (target) => {
    const why = await untilUnhealthy(target.worker, target.container, clock, signal);
    if (why !== undefined) throw await fail(`${target.container.name} is unhealthy: ${why}`, target);
  });
  const worse = tally.untilWorse(signal).then(async (why) => {
    const [first] = targets;
    // All containers run the same release: the last words of one of them tell what is wrong.
    if (why !== undefined && first) throw await fail(why, first);
  });
  try {
    await Promise.race([
      reportBake({ duration: canary.bake, tally, clock, progress, signal }),
      never(worse),
      ...checks.map(never),
    ]);
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

/** Follows the access logs of the proxies that serve the stage. */
async function readAccesses(
  worker: HostWorker,
  plan: HostPlan,
  signal: AbortSignal,
  tell: (access: Access) => void,
): Promise<void> {
  await Promise.allSettled(
    plan.proxies.map(async (proxy) => {
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

async function evidenceOf({ engine, secretNames }: HostWorker, name: string): Promise<string[]> {
  const container = await engine.container(name, timeLimit(5000)).catch(() => undefined);
  if (!container) return [`what ${name} printed is not to be had`];
  const lines = await lastLines(engine, container.id, 20);
  if (lines.length === 0) return [`${name} printed nothing`];
  const { redact } = redactorOf(container.env, secretNames);
  return [`the last output of ${name}:`, ...lines.map((line) => `  ${redact(line)}`)];
}
