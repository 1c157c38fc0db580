import { planOption, skipHooksOption, waitOption } from "../global-options.ts";
import { text, type Verb } from "../verb.ts";
import { wouldBuild } from "./plan.ts";

export const up: Verb = {
  name: "up",
  group: "release",
  summary: "make a stage be as the environment file says; a first stage is built from the sources",
  arguments: [["<stage>", "the stage, such as dev"]],
  options: [
    { flags: "-r, --release <release>", description: "run this release instead of building (name or digest)" },
    { flags: "--force-build", description: "build even if nothing changed" },
    planOption,
    waitOption,
    skipHooksOption,
  ],
  changes: true,
  examples: [
    ["envctl up dev", "build what changed, push it, run it in dev"],
    ["envctl up test", "mend test: the same release, the present configuration"],
    ["envctl up dev --dry-run", "say what would be done"],
  ],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { bringUp } = await import("../../promotion/up.ts");
    const { readWish } = await import("../kept-plan.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const wish = await readWish(workspace, stage, "up", options, text(options, "release"));
      const result = await bringUp(workspace, stage, {
        ...wish,
        force: options.forceBuild === true,
        dryRun: context.options.dryRun,
      });
      if (result.kind === "would-build") return wouldBuild("up", workspace, stage, result.intent);
      return await deploymentOutcome(context, workspace, {
        verb: "up",
        ...result,
        dryRun: context.options.dryRun,
        extra: { built: result.built },
      });
    });
  },
};
