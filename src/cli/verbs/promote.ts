import { planOption, skipHooksOption, waitOption } from "../global-options.ts";
import { text, texts, type Verb } from "../verb.ts";

export const promote: Verb = {
  name: "promote",
  group: "release",
  summary: "run in this stage the very image that runs in the stage before",
  arguments: [["<stage>", "the stage to promote to, such as test"]],
  options: [
    {
      flags: "-r, --release <release>",
      description: "this release (name or digest), which must have run in the stage before",
    },
    {
      flags: "--override <gate>",
      description: "pass this gate although it is closed, where the environment file allows it; may be given again",
      repeatable: true,
    },
    { flags: "--reason <text>", description: "why a gate is passed: the history keeps it" },
    planOption,
    waitOption,
    skipHooksOption,
  ],
  changes: true,
  examples: [
    ["envctl promote test", "what runs in dev, by digest, to test"],
    ["envctl promote prod --dry-run", "say what would be done on which host"],
    ["envctl promote prod --plan plan.json", "what `envctl plan prod --out plan.json` has shown, or nothing"],
    ["envctl promote prod --release 3f2c1ab", "an earlier release that test has run"],
    ['envctl promote prod --override window --reason "OPS-17"', "pass a gate that is closed, on the record"],
  ],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { promote: promoteRelease } = await import("../../promotion/promote.ts");
    const { readWish } = await import("../kept-plan.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    const { ExitCode } = await import("../../base/errors.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const wish = await readWish(workspace, stage, "promote", options, text(options, "release"));
      const result = await promoteRelease(workspace, stage, {
        ...wish,
        override: texts(options, "override"),
        reason: text(options, "reason"),
        dryRun,
      });
      const { gates, overridden } = result;
      const outcome = await deploymentOutcome(context, workspace, {
        verb: "promote",
        ...result,
        dryRun,
        extra: { from: result.from.name, gates, overridden },
      });
      if (!dryRun) return outcome;
      // As the promotion itself would end.
      const passes = gates.every(({ gate, open }) => open || overridden.includes(gate));
      return passes ? outcome : { ...outcome, exitCode: ExitCode.gateClosed };
    });
  },
};
