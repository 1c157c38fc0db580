import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { text, type Verb } from "../verb.ts";

export const exec: Verb = {
  name: "exec",
  group: "work with what runs",
  summary: "run a command in a running container",
  arguments: [
    ["<stage>", "the stage"],
    ["<command...>", "the command and its arguments, after --"],
  ],
  options: [
    { flags: "-s, --service <service>", description: "in this service instead of the app" },
    { flags: "--host <host>", description: "on this host (default: the first that runs it)" },
    { flags: "-u, --user <user>", description: "as this user" },
  ],
  changes: false,
  examples: [
    ["envctl exec dev -- sh", "a shell in the app's container"],
    ["envctl exec test --service db -- psql -U postgres", "in a service"],
  ],
  run: async (context, [name = "", ...command], options) => {
    const { withStage } = await import("../workspace.ts");
    const { chooseHosts, chooseWorkload, requireAnswers } = await import("../choose.ts");
    const { stageContainers } = await import("../../rollout/logs.ts");
    const { attachTerminal } = await import("../attach-terminal.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const host = text(options, "host");
      const engines = await chooseHosts(workspace, stage, host);
      const workload = chooseWorkload(stage, text(options, "service"));
      const place = { environment: workspace.environment.name, stage: stage.name };
      const containers = await stageContainers(engines, place, workload, workspace.signal);
      const target = containers.find(({ container }) => container.state === "running");
      if (!target) {
        await requireAnswers(workspace, stage, host);
        throw nothingRuns(stage.name, workload);
      }
      const code = await attachTerminal(target, {
        command,
        user: text(options, "user"),
        signal: workspace.signal,
        json: context.options.json,
      });
      return {
        json: {
          verb: "exec",
          stage: stage.name,
          host: target.engine.name,
          container: target.container.name,
          exitCode: code,
        },
        text: "",
        exitCode: code,
      };
    });
  },
};

function nothingRuns(stage: string, workload: string): EnvctlError {
  return new EnvctlError({
    code: "nothing-runs",
    exitCode: ExitCode.failed,
    what: `${workload} does not run in ${stage}`,
    where: `stage ${stage}`,
    next: `envctl status ${stage}`,
  });
}
