import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { Label } from "../engine/engine.ts";
import type { Task } from "../environment/model.ts";
import { type DesiredContainer, taskSpec } from "../plan/desired.ts";
import { networkName, volumeName } from "../plan/naming.ts";
import type { Release } from "../release/release.ts";
import type { HostWorker } from "./host-worker.ts";

interface TaskRun {
  readonly task: Pick<Task, "name" | "command" | "timeout">;
  readonly app: DesiredContainer;
  readonly worker: Pick<HostWorker, "engine" | "labels" | "bring" | "clock">;
  readonly release: { readonly environment: string; readonly stage: string; readonly release: Release };
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Runs a one-off container of the release and streams its output to `progress`. The container is removed whatever
 * happens. Throws `task-failed` with its last lines if it does not exit with 0.
 */
export async function runTask(run: TaskRun): Promise<void> {
  const { engine } = run.worker;
  const place = run.release;
  const wanted = { digest: place.release.digest, service: undefined, title: place.release.name };
  const image = await run.progress.step(`bring ${wanted.title}`, (at) => run.worker.bring(wanted, at, run.signal));
  await engine.ensureNetwork(networkName(place), { ...run.worker.labels, [Label.role]: "network" }, run.signal);
  for (const mount of run.app.workload.volumes) {
    if (mount.kind !== "volume") continue;
    await engine.ensureVolume(
      volumeName(place, mount.source),
      { ...run.worker.labels, [Label.role]: "volume" },
      run.signal,
    );
  }
  const unique = run.worker.clock.now().getTime().toString(36);
  const id = await engine.createContainer(taskSpec(run.app, run.task, unique, image), run.signal);
  const limit = AbortSignal.any([run.signal, AbortSignal.timeout(run.task.timeout)]);
  try {
    const lines: string[] = [];
    await engine.startContainer(id, limit);
    for await (const line of engine.logs(id, {
      follow: true,
      tail: undefined,
      since: undefined,
      timestamps: false,
      signal: limit,
    })) {
      run.progress.output(line.text);
      lines.push(line.text);
      if (lines.length > 40) lines.shift();
    }
    // Asked only now: of a container that was never started, engines say at once that it ended with 0.
    const code = await engine.waitForExit(id, limit);
    if (code !== 0) throw failed(run, `exited with code ${code}`, lines);
  } catch (error) {
    if (limit.aborted && !run.signal.aborted)
      throw failed(run, `was not done within ${formatDuration(run.task.timeout)}`, []);
    throw error;
  } finally {
    // Why the task failed must not be hidden by a host that does not answer any more; the next run removes what is left.
    await engine.removeContainer(id, AbortSignal.timeout(30_000)).catch((error: unknown) => {
      run.progress.warn(`the container of task ${run.task.name} is left on ${engine.name}: ${messageOf(error)}`);
    });
  }
}

function failed(run: TaskRun, how: string, lines: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "task-failed",
    exitCode: ExitCode.failed,
    what: `task ${run.task.name} ${how}`,
    where: run.worker.engine.name,
    evidence: lines.length > 0 ? ["its last output:", ...lines.map((line) => `  ${line}`)] : ["it printed nothing"],
  });
}
