import { planOption, skipHooksOption, waitOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const rollback: Verb = {
  name: "rollback",
  group: "release",
  summary: "run an earlier release of a stage again",
  arguments: [
    ["<stage>", "the stage"],
    ["[release]", "name or digest; without it, the release before"],
  ],
  options: [planOption, waitOption, skipHooksOption],
  changes: true,
  examples: [
    ["envctl rollback prod", "back to the release before"],
    ["envctl rollback prod 3f2c1ab", "back (or forward) to this release"],
  ],
  run: async (context, [name = "", release], options) => {
    const { withStage } = await import("../workspace.ts");
    const { rollback: rollBack } = await import("../../promotion/rollback.ts");
    const { readWish } = await import("../kept-plan.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const wish = await readWish(workspace, stage, "rollback", options, release);
      const result = await rollBack(workspace, stage, { ...wish, dryRun });
      return await deploymentOutcome(context, workspace, {
        verb: "rollback",
        ...result,
        dryRun,
        extra: { before: result.before },
      });
    });
  },
};
