import { text, type Verb } from "../verb.ts";

export const run: Verb = {
  name: "run",
  group: "work with what runs",
  summary: "run a task of the environment file in a one-off container of the stage's release",
  arguments: [
    ["<task>", "the task's name; or a command, after --"],
    ["[command...]", "arguments, where the task is a command"],
  ],
  options: [{ flags: "--stage <stage>", description: "the stage (default: the first)" }],
  changes: true,
  examples: [
    ["envctl run migrate --stage test", "the task `migrate` with test's configuration"],
    ["envctl run --stage prod -- node report.js", "any command"],
  ],
  run: async (context, [name = "", ...more], options) => {
    const isCommand = context.literal.length === more.length + 1;
    const { impliedStage, withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { runNamedTask } = await import("../../promotion/run-task.ts");
    const stageName = text(options, "stage") ?? (await impliedStage(context, ({ stages }) => stages[0])) ?? "";
    return await withWorkspace(context, stageName, async (workspace) => {
      const stage = findStage(workspace.environment, stageName);
      const { dryRun } = context.options;
      const result = await runNamedTask(
        workspace,
        stage,
        isCommand ? { command: [name, ...more] } : { task: name, more },
        { dryRun },
      );
      const json = { verb: "run", stage: stage.name, dryRun, ...result };
      const words = `${result.task} with ${result.release} on ${result.host}`;
      return { json, text: dryRun ? `would run ${words}` : `${context.paint("green", "✓")} ran ${words}` };
    });
  },
};
