import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { PlannedVerb } from "../plan/saved-plan.ts";
import type { KeptPlan } from "../promotion/moment.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { type OptionValues, text } from "./verb.ts";

/** Which release is wanted, and the plan that is to be carried out, if one is named. */
export interface Wish {
  readonly release: string | undefined;
  readonly kept: KeptPlan | undefined;
}

/** What `--plan` names. Throws `usage` (exit 2) where what it says is typed once more, `plan-invalid` (exit 2) for another plan. */
export async function readWish(
  { environment }: Workspace,
  stage: Stage,
  verb: PlannedVerb,
  options: OptionValues,
  release: string | undefined,
): Promise<Wish> {
  const file = text(options, "plan");
  if (file === undefined) return { release, kept: undefined };
  if (release !== undefined || options.forceBuild === true) throw saidTwice(verb, stage, file);
  const { readPlanFile } = await import("../promotion/plan-file.ts");
  const saved = await readPlanFile(file, { verb, environment: environment.name, stage: stage.name });
  return { release: saved.asked, kept: { salt: saved.salt, saved } };
}

function saidTwice(verb: PlannedVerb, stage: Stage, file: string): EnvctlError {
  return new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: "a plan says already which release it is about, and that it is built",
    state: "nothing was touched",
    next: `envctl ${verb} ${stage.name} --plan ${file}`,
  });
}
