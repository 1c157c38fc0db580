import { messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { type Engine, Label } from "../engine/engine.ts";
import type { Task } from "../environment/model.ts";
import { listReleases } from "../promotion/releases.ts";
import type { Release } from "../release/release.ts";
import type { OpenRepository } from "../rollout/connections.ts";
import { bringRelease } from "../rollout/image.ts";
import { runOneOff } from "../rollout/one-off.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { resolveSecrets } from "../secrets/resolve.ts";
import { buildTaskSpec } from "./build-task-spec.ts";

type BuildTaskTime = Extract<Task["when"], "before-build" | "after-build">;

const states: Readonly<Record<BuildTaskTime, string>> = {
  "before-build": "nothing was built",
  "after-build": "the image was not pushed and does not count as built: what ran before still runs",
};

/** Tasks that run on the machine that builds, around a build. */
export class BuildTasks {
  readonly #workspace: Workspace;
  readonly #engine: Engine;

  /** `engine` is the one that builds. */
  constructor(workspace: Workspace, engine: Engine) {
    this.#workspace = workspace;
    this.#engine = engine;
  }

  /** In the last release that was built; where there is none, or it cannot be had here, says so and goes on. */
  async before(repository: OpenRepository): Promise<void> {
    const { progress, signal } = this.#workspace;
    const tasks = this.of("before-build");
    if (tasks.length === 0) return;
    const names = tasks.map(({ name }) => name).join(", ");
    const [last] = await listReleases(repository, signal);
    if (!last) return await progress.step(`task ${names}`, async (at) => at.note("skipped: nothing was built before"));
    const image = await this.#bring(repository, last, names);
    if (image !== undefined) await this.run("before-build", image, last.name);
  }

  /** Runs the tasks of this time, one after the other, in containers of an image that the engine has. */
  async run(when: BuildTaskTime, image: string, release: string): Promise<void> {
    const tasks = this.of(when);
    if (tasks.length === 0) return;
    const { environment, variables, clock, progress, signal } = this.#workspace;
    const { values } = await resolveSecrets(environment.app.secrets, {
      stage: undefined,
      directory: environment.directory,
      variables,
      signal,
    });
    await this.#removeLeftovers(signal);
    for (const task of tasks) {
      const unique = clock.now().getTime().toString(36);
      const spec = buildTaskSpec(environment, task, { image, release, secrets: values, unique });
      await progress.step(`task ${task.name} in ${release}`, (at) =>
        runOneOff({
          engine: this.#engine,
          spec,
          secretNames: environment.app.secrets,
          task: task.name,
          timeout: task.timeout,
          state: states[when],
          progress: at,
          signal,
        }),
      );
    }
  }

  of(when: BuildTaskTime): readonly Task[] {
    return this.#workspace.environment.tasks.filter((task) => task.when === when);
  }

  async #bring(repository: OpenRepository, release: Release, tasks: string): Promise<string | undefined> {
    const { progress, signal } = this.#workspace;
    return await progress.step(`bring ${release.name}`, async (at: Progress) => {
      try {
        return await bringRelease(this.#engine, repository, release, at, signal);
      } catch (error) {
        signal.throwIfAborted();
        at.note("not to be had");
        at.warn(`skipped before this build: ${tasks}, because ${release.name} cannot be brought: ${messageOf(error)}`);
        return undefined;
      }
    });
  }

  /** Of builds that were killed. One that still runs may be somebody else's. */
  async #removeLeftovers(signal: AbortSignal): Promise<void> {
    const labels = { [Label.environment]: this.#workspace.environment.name, [Label.role]: "build-task" };
    for (const container of await this.#engine.containers(labels, signal)) {
      if (container.state === "exited" || container.state === "dead") {
        await this.#engine.removeContainer(container.id, signal);
      }
    }
  }
}
