import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Environment, Problem, Stage } from "../environment/model.ts";
import type { Connections } from "./connections.ts";
import type { Hooks } from "./hooks.ts";
import type { Situation } from "./situation.ts";

/** What every verb that talks to hosts works with. */
export interface Workspace {
  readonly environment: Environment;
  /** Warnings of the environment file. */
  readonly problems: readonly Problem[];
  readonly connections: Connections;
  readonly clock: Clock;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly hooks: Hooks;
  readonly situation: Situation;
  /** How long to wait for a lock, in milliseconds; undefined does not wait. */
  readonly lockWait: number | undefined;
}

/** The stage of this name. Throws `unknown-stage` (exit 2) with the one that may have been meant. */
export function findStage(environment: Environment, name: string): Stage {
  const stage = environment.stages.find((candidate) => candidate.name === name);
  if (stage) return stage;
  const names = environment.stages.map((candidate) => candidate.name);
  const meant = didYouMean(name, names);
  throw new EnvctlError({
    code: "unknown-stage",
    exitCode: ExitCode.usage,
    what: `there is no stage "${name}"${meant ? `; did you mean "${meant}"?` : ""}`,
    where: environment.file,
    state: "nothing was touched",
    next: `the stages are: ${names.join(", ")}`,
  });
}
