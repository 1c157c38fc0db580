import { skipHooksOption, waitOption } from "../global-options.ts";
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
    waitOption,
    skipHooksOption,
  ],
  changes: true,
  examples: [
    ["envctl promote test", "what runs in dev, by digest, to test"],
    ["envctl promote prod --dry-run", "say what would be done on which host"],
    ["envctl promote prod --release 3f2c1ab", "an earlier release that test has run"],
    ['envctl promote prod --override window --reason "OPS-17"', "pass a gate that is closed, on the record"],
  ],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { promote: promoteRelease } = await import("../../promotion/promote.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    const { gateLines } = await import("../view/gates.ts");
    const { ExitCode } = await import("../../base/errors.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const { gates, overridden, ...result } = await promoteRelease(workspace, stage, {
        release: text(options, "release"),
        override: texts(options, "override"),
        reason: text(options, "reason"),
        dryRun,
      });
      const extra = { from: result.from.name, gates, overridden };
      const outcome = deploymentOutcome(context, { verb: "promote", ...result, dryRun, extra });
      if (!dryRun || gates.length === 0) return outcome;
      const passes = (gate: { readonly gate: string; readonly open: boolean }) =>
        gate.open || overridden.includes(gate.gate);
      // As the promotion itself would end.
      const exitCode = gates.every(passes) ? ExitCode.done : ExitCode.gateClosed;
      return { ...outcome, text: [outcome.text, ...gateLines(gates, context.paint, passes)].join("\n"), exitCode };
    });
  },
};
