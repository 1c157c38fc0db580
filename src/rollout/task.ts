import type { Progress } from "../base/progress.ts";
import { Label } from "../engine/engine.ts";
import type { Task } from "../environment/model.ts";
import { type DesiredContainer, taskSpec } from "../plan/desired.ts";
import { networkName, volumeName } from "../plan/naming.ts";
import type { Release } from "../release/release.ts";
import type { HostWorker } from "./host-worker.ts";
import { type OneOff, runOneOff } from "./one-off.ts";

interface TaskRun {
  readonly task: Pick<Task, "name" | "command" | "timeout">;
  readonly app: DesiredContainer;
  readonly worker: Pick<HostWorker, "engine" | "labels" | "bring" | "clock">;
  readonly release: { readonly environment: string; readonly stage: string; readonly release: Release };
  /** In what state things are if it fails; undefined where only a caller knows. */
  readonly state?: string;
  readonly progress: Progress;
  readonly output?: OneOff["output"];
  readonly ended?: OneOff["ended"];
  readonly signal: AbortSignal;
}

/** Runs a one-off container of the release on a host of the stage, with its network and volumes: see `runOneOff`. */
export async function runTask(run: TaskRun): Promise<void> {
  const { task, signal, state, progress, output, ended } = run;
  const { engine } = run.worker;
  const place = run.release;
  const wanted = { digest: place.release.digest, service: undefined, title: place.release.name };
  const image = await progress.step(`bring ${wanted.title}`, (at) => run.worker.bring(wanted, at, signal));
  await engine.ensureNetwork(networkName(place), { ...run.worker.labels, [Label.role]: "network" }, signal);
  for (const mount of run.app.workload.volumes) {
    if (mount.kind !== "volume") continue;
    const labels = { ...run.worker.labels, [Label.role]: "volume" };
    await engine.ensureVolume(volumeName(place, mount.source), labels, signal);
  }
  const unique = run.worker.clock.now().getTime().toString(36);
  const spec = taskSpec(run.app, task, unique, image);
  const { secretNames } = run.app;
  const { name, timeout } = task;
  await runOneOff({ engine, spec, secretNames, task: name, timeout, state, progress, output, ended, signal });
}
