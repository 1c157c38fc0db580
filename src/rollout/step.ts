import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type Progress, silent } from "../base/progress.ts";
import { Label } from "../engine/engine.ts";
import { runsDigest } from "../plan/observed.ts";
import type { Step } from "../plan/plan.ts";
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
        timeout: worker.timeout,
        clock: worker.clock,
        progress,
        signal,
      });
      return;
    case "stop":
      await engine.stopContainer(step.container.id, step.container.stopGrace, signal);
      return;
    case "remove":
      await engine.removeContainer(step.container.id, signal);
      return;
  }
}

/** Puts back what `perform` changed, as far as that can be told. Steps that disturb nobody stay done. */
export async function undo(step: Step, worker: HostWorker, signal: AbortSignal): Promise<void> {
  switch (step.kind) {
    case "create":
      await removeByName(step.container.spec.name, worker, signal);
      return;
    case "start":
      await stopByName(step.container.name, worker, signal);
      return;
    case "stop":
      await worker.engine.startContainer(step.container.id, signal);
      return;
    case "pull":
    case "network":
    case "volume":
    case "wait-healthy":
    case "remove":
      return;
  }
}

async function create(step: Extract<Step, { kind: "create" }>, worker: HostWorker, signal: AbortSignal): Promise<void> {
  const { engine } = worker;
  // The image was brought in a step of its own; here it is only found again.
  const image = await worker.bring(step.image, silent, signal);
  const id = await engine.createContainer({ ...step.container.spec, image }, signal);
  const container = await engine.container(id, signal);
  const identity = { digest: step.image.digest, ids: worker.ids[step.image.digest] ?? [] };
  const runs = container && runsDigest(container, identity, await engine.image(container.imageId, signal));
  if (runs) return;
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
