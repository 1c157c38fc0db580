import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { silent } from "../base/progress.ts";
import type { Stage, Workload } from "../environment/model.ts";
import { workloadOf } from "../plan/observed.ts";
import { waitUntilHealthy } from "../rollout/health.ts";
import { stageLabels } from "../rollout/observe.ts";
import type { AppContainer, Synced, WantedFiles } from "./app-container.ts";
import type { DevListener } from "./dev-event.ts";
import { restartApp } from "./restart-app.ts";
import { runCommand } from "./run-command.ts";

export interface BringOptions {
  readonly stage: Stage;
  readonly place: { readonly environment: string; readonly stage: string };
  readonly clock: Clock;
  readonly listener: DevListener;
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
}

/** Moments, by `performance.now()`. */
export interface Brought extends Synced {
  readonly sentAt: number;
  readonly restartedAt: number | undefined;
}

/** Syncs a container, runs the commands that the rules name, and starts its process anew where they ask for that. */
export async function bringFiles(
  container: AppContainer,
  wanted: WantedFiles,
  options: BringOptions,
): Promise<Brought> {
  const { engine } = container;
  const { listener, signal, redact } = options;
  const synced = await container.sync(wanted, signal);
  const sentAt = performance.now();
  for (const { path, why } of synced.report.refused) listener({ type: "refused", host: engine.name, path, why });
  for (const path of synced.kept) {
    const text = `${path} stays in the container, with the files that were made in it there`;
    listener({ type: "note", text });
  }
  for (const command of synced.run) {
    const result = await runCommand(engine, container.id, command, signal);
    listener({ type: "ran", host: engine.name, command, ...result, output: result.output.map(redact) });
  }
  if (!synced.restart) return { ...synced, sentAt, restartedAt: undefined };
  await restart(container, options);
  return { ...synced, sentAt, restartedAt: performance.now() };
}

/** Starts the process anew; what the container holds is looked at again afterwards. */
export async function restart(container: AppContainer, { stage, signal }: BringOptions): Promise<{ killed: boolean }> {
  const { engine } = container;
  const { stop, port } = workloadIn(stage, container);
  await container.close();
  const grace = { grace: stop.grace, port };
  return await container.restart(() => restartApp(engine, container.observed, grace, signal), signal);
}

/** Why the app is not healthy; undefined where it is. Ends early, with that, when the signal says that nobody waits any more. */
export async function awaitHealth(
  container: AppContainer,
  options: BringOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { stage, place, clock } = options;
  try {
    await waitUntilHealthy({
      engine: container.engine,
      name: container.observed.name,
      labels: stageLabels(place.environment, place.stage),
      health: workloadIn(stage, container).health,
      secretNames: workloadIn(stage, container).secrets,
      timeout: stage.rollout.timeout,
      clock,
      progress: silent,
      signal,
    });
    container.health = "healthy";
    return undefined;
  } catch (error) {
    if (signal.aborted) return "it was changed again before it was healthy";
    container.health = "unhealthy";
    return messageOf(error);
  }
}

/** The app, or the worker that the container runs. */
function workloadIn(stage: Stage, container: AppContainer): Workload {
  const name = workloadOf(container.observed);
  return stage.workers.find((worker) => worker.name === name) ?? stage.app;
}
