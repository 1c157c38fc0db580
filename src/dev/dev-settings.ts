import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Environment, Stage } from "../environment/model.ts";
import { canonicalJson } from "../plan/desired.ts";
import { findStage } from "../rollout/workspace.ts";

/** The environment file as it is in force. */
export interface LoopSettings {
  readonly environment: Environment;
  /** As the file has it, without what `dev` overrides. */
  readonly stage: Stage;
}

/**
 * The settings of a file that was read again; undefined where they are the same. Throws `start-again` where the loop would
 * have to look elsewhere, and `unknown-stage`.
 */
export function nextSettings(before: LoopSettings, environment: Environment): LoopSettings | undefined {
  const stage = findStage(environment, before.stage.name);
  const same = canonicalJson([environment, stage]) === canonicalJson([before.environment, before.stage]);
  if (same) return undefined;
  const place = (settings: LoopSettings) => canonicalJson([settings.environment.name, settings.stage.hosts]);
  if (stage.after.length === 0 && place({ environment, stage }) === place(before)) return { environment, stage };
  throw new EnvctlError({
    code: "start-again",
    exitCode: ExitCode.usage,
    what: "the environment's name, or the hosts of the stage, are other than they were",
    where: environment.file,
    state: "what was in force stays so",
    next: "end envctl dev, and start it again",
  });
}

/** Whether the sources lie elsewhere now, or other files are to be watched. */
export function sourcesMoved(before: Environment, now: Environment): boolean {
  const places = ({ image, envFiles }: Environment) => canonicalJson([image.context, image.dockerfile, envFiles]);
  return places(before) !== places(now);
}
