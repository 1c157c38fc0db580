import { type ContainerSpec, Label } from "../engine/engine.ts";
import type { Environment, Task } from "../environment/model.ts";

interface BuildTaskRun {
  /** By which the engine knows it. */
  readonly image: string;
  readonly release: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly unique: string;
}

/** A one-off container beside a build: with the app's environment, but no stage's, and so without volumes and services. */
export function buildTaskSpec(environment: Environment, task: Task, run: BuildTaskRun): ContainerSpec {
  const { app, name } = environment;
  return {
    name: `${name}-build-task-${task.name}-${run.unique}`,
    image: run.image,
    command: task.command,
    entrypoint: undefined,
    user: app.user,
    env: { ENVCTL_ENVIRONMENT: name, ENVCTL_RELEASE: run.release, ...app.env, ...run.secrets },
    labels: { [Label.environment]: name, [Label.role]: "build-task", [Label.workload]: task.name },
    ports: [],
    mounts: [],
    // The engine's own: there is no stage whose network it could be in.
    network: "bridge",
    aliases: [],
    stopSignal: app.stop.signal,
    stopGrace: app.stop.grace,
    memory: app.resources.memory,
    cpus: app.resources.cpus,
    healthcheck: undefined,
    restart: "no",
  };
}
