import { skipHooksOption, waitOption } from "../global-options.ts";
import { text, type Verb } from "../verb.ts";

export const up: Verb = {
  name: "up",
  group: "release",
  summary: "make a stage be as the environment file says; a first stage is built from the sources",
  arguments: [["<stage>", "the stage, such as dev"]],
  options: [
    { flags: "-r, --release <release>", description: "run this release instead of building (name or digest)" },
    { flags: "--force-build", description: "build even if nothing changed" },
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
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const result = await bringUp(workspace, stage, {
        release: text(options, "release"),
        force: options.forceBuild === true,
        dryRun: context.options.dryRun,
      });
      if (result.kind === "would-build") return (await import("./plan.ts")).wouldBuild(workspace, stage, result.intent);
      return deploymentOutcome(context, {
        verb: "up",
        ...result,
        dryRun: context.options.dryRun,
        extra: { built: result.built },
      });
    });
  },
};
