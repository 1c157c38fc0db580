import { milliseconds } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Environment, Stage, Task } from "../environment/model.ts";
import { desiredApp } from "../plan/desired.ts";
import { bringRelease } from "../rollout/image.ts";
import { stageLabels } from "../rollout/observe.ts";
import { runTask } from "../rollout/task.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { currentRelease } from "./current.ts";
import { stageSecrets } from "./stage-secrets.ts";

export interface TaskResult {
  readonly task: string;
  readonly command: readonly string[];
  readonly release: string;
  readonly host: string;
}

/** A task by its name, with more arguments for it; or a command of the user's own. */
export type WantedTask =
  | { readonly task: string; readonly more: readonly string[] }
  | { readonly command: readonly string[] };

/** Runs a task of the environment file, or a command, in a container of the release that the stage runs, on its first host. */
export async function runNamedTask(
  workspace: Workspace,
  stage: Stage,
  wanted: WantedTask,
  options: { readonly dryRun: boolean },
): Promise<TaskResult> {
  const task = chooseTask(workspace.environment, wanted);
  const release = await currentRelease(workspace, stage);
  const [host] = stage.hosts;
  if (!host) throw new RangeError(`stage ${stage.name} has no host`);
  const result = { task: task.name, command: task.command, release: release.name, host: host.name };
  if (options.dryRun) return result;
  const place = { environment: workspace.environment.name, stage: stage.name };
  const [app] = desiredApp({ ...place, generation: 0 }, stage, release, await stageSecrets(workspace, stage));
  if (!app) throw new RangeError(`stage ${stage.name} has no app`);
  const engine = await workspace.connections.engine(host, workspace.signal);
  const repository = await workspace.connections.repository(stage.repository);
  await workspace.progress.step(`${task.name} on ${host.name}`, (progress) =>
    runTask({
      task,
      app,
      worker: {
        engine,
        labels: stageLabels(place.environment, place.stage),
        clock: workspace.clock,
        bring: (_, at, signal) => bringRelease(engine, repository, release, at, signal),
      },
      release: { ...place, release },
      state: "the stage runs what it ran before",
      progress,
      signal: workspace.signal,
    }),
  );
  return result;
}

function chooseTask(environment: Environment, wanted: WantedTask): Pick<Task, "name" | "command" | "timeout"> {
  if ("command" in wanted) return { name: "command", command: wanted.command, timeout: milliseconds(3_600_000) };
  const { task: name, more } = wanted;
  const task = environment.tasks.find((candidate) => candidate.name === name);
  if (task && more.length === 0) return task;
  if (task) return { ...task, command: [...task.command, ...more] };
  const names = environment.tasks.map((candidate) => candidate.name);
  const meant = didYouMean(name, names);
  throw new EnvctlError({
    code: "unknown-task",
    exitCode: ExitCode.usage,
    what: `there is no task "${name}"${meant ? `; did you mean "${meant}"?` : ""}`,
    where: environment.file,
    state: "nothing was run",
    next:
      names.length > 0
        ? `the tasks are: ${names.join(", ")}; a command goes after --: envctl run -- ${[name, ...more].join(" ")}`
        : `the environment file names no tasks; a command goes after --: envctl run -- ${[name, ...more].join(" ")}`,
  });
}
