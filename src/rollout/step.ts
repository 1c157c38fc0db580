import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type Progress, silent } from "../base/progress.ts";
import { Label } from "../engine/engine.ts";
import { runsDigest } from "../plan/observed.ts";
import type { RouteStep, Step, StopStep } from "../plan/plan.ts";
import { drain } from "./drain.ts";
import { waitUntilHealthy } from "./health.ts";
import type { HostWorker } from "./host-worker.ts";

/** Does one step. Doing it again after a crash changes nothing more. */
export async function perform(step: Step, worker: HostWorker, progress: Progress, signal: AbortSignal): Promise<void> {
  const { engine } = worker;
  switch (step.kind) {
    case "pull":
      await worker.bring(step.image, progress, signal);
      return;
    case "network":
      await engine.ensureNetwork(step.name, { ...worker.labels, [Label.role]: "network" }, signal);
      return;
    case "volume":
      await engine.ensureVolume(step.name, { ...worker.labels, [Label.role]: "volume" }, signal);
      return;
    case "create":
      await create(step, worker, signal);
      return;
    case "start":
      await engine.startContainer(step.container.name, signal);
      return;
    case "wait-healthy":
      await waitUntilHealthy({
        engine,
        name: step.container.name,
        labels: worker.labels,
        health: step.health,
        secretNames: worker.secretNames,
        timeout: worker.timeout,
        clock: worker.clock,
        progress,
        signal,
      });
      return;
    case "stop":
      await (step.aside
        ? engine.endContainer(step.container.id, step.container.stopGrace, signal)
        : engine.stopContainer(step.container.id, step.container.stopGrace, signal));
      return;
    case "remove":
      await engine.removeContainer(step.container.id, signal);
      return;
    case "proxy":
      await worker.proxies.ensure(step.proxy, step.replaces !== undefined, progress, signal);
      return;
    case "join":
      await worker.proxies.join(step.proxy, step.network, signal);
      return;
    case "leave":
      await engine.disconnectNetwork(step.network, step.proxy, signal);
      return;
    case "route":
      if (step.site) await worker.proxies.route(step.proxy.name, step.id, step.site, signal);
      else await worker.proxies.forget(step.proxy.name, step.id, signal);
      return;
    case "drain":
      await drain(worker, step, signal);
      return;
    case "remove-proxy":
      await worker.proxies.remove(step.container, { certificates: step.certificates }, signal);
      return;
  }
}

/** Puts back what `perform` changed, as far as that can be told. Steps that disturb nobody stay done. */
export async function undo(step: Step, worker: HostWorker, progress: Progress, signal: AbortSignal): Promise<void> {
  switch (step.kind) {
    case "create":
      await removeByName(step.container.spec.name, worker, signal);
      return;
    case "start":
      await stopByName(step.container.name, worker, signal);
      return;
    case "stop":
      await revive(step, worker, progress, signal);
      return;
    case "route":
      await routeBack(step, worker, signal);
      return;
    case "pull":
    case "network":
    case "volume":
    case "wait-healthy":
    case "remove":
    case "join":
    case "leave":
    case "drain":
    case "remove-proxy":
      return;
    case "proxy":
      if (step.replaces) await worker.proxies.bringBack(step.proxy, step.replaces, signal);
      else await takeAway(step.proxy.name, worker, signal);
      return;
  }
}

/** A proxy that was made in the midst of a switch took a port of the app's, which that needs again. */
async function takeAway(proxy: string, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const container = await worker.engine.container(proxy, signal);
  if (container) await worker.proxies.remove(container, { certificates: false }, signal);
}

/** Starts what was stopped, and waits until it serves: only then may a proxy be led back to it. */
async function revive(step: StopStep, worker: HostWorker, progress: Progress, signal: AbortSignal): Promise<void> {
  const { engine, labels, secretNames, timeout, clock } = worker;
  const { id, name } = step.container;
  await engine.startContainer(id, signal);
  if (!step.health) return;
  await waitUntilHealthy({ engine, name, labels, health: step.health, secretNames, timeout, clock, progress, signal });
}

/** Leads the proxy back to what it served before, and lets the requests end that have gone to the new. */
async function routeBack(step: RouteStep, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const { name } = step.proxy;
  if (step.before) await worker.proxies.route(name, step.id, step.before, signal);
  else await worker.proxies.forget(name, step.id, signal);
  const { site } = step;
  if (!site) return;
  const kept = new Set(step.before?.upstreams.map((upstream) => upstream.name));
  const left = [...site.upstreams, ...(site.canary?.upstreams ?? [])].filter((upstream) => !kept.has(upstream.name));
  if (left.length === 0) return;
  const containers = left.map((upstream) => ({ id: upstream.name, name: upstream.name, port: upstream.port }));
  await drain(worker, { proxies: [name], containers, limit: site.drain }, signal);
}

async function create(step: Extract<Step, { kind: "create" }>, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const { engine } = worker;
  // The image was brought in a step of its own; here it is only found again.
  const image = await worker.bring(step.image, silent, signal);
  const id = await engine.createContainer({ ...step.container.spec, image }, signal);
  const container = await engine.container(id, signal);
  const identity = { digest: step.image.digest, ids: worker.ids[step.image.digest] ?? [] };
  // What its id tells need not be asked of the image.
  if (container && runsDigest(container, identity, undefined)) return;
  if (container && runsDigest(container, identity, await engine.image(container.imageId, signal))) return;
  await engine.removeContainer(id, signal);
  throw new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `the engine made a container of ${container?.imageId ?? "nothing"} where ${step.image.digest} was asked for`,
    where: engine.name,
    state: "the container was removed again; what ran before still runs",
  });
}

async function removeByName(name: string, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const container = await worker.engine.container(name, signal);
  if (container) await worker.engine.removeContainer(container.id, signal);
}

async function stopByName(name: string, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const container = await worker.engine.container(name, signal);
  if (container) await worker.engine.stopContainer(container.id, container.stopGrace, signal);
}
