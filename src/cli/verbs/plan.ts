import type { BuildIntent } from "../../build/make-release.ts";
import type { Stage } from "../../environment/model.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import type { Outcome } from "../verb.ts";
import { text, type Verb } from "../verb.ts";

export const plan: Verb = {
  name: "plan",
  group: "look",
  summary: "say what the next up or promote of a stage would do, host by host",
  arguments: [["<stage>", "the stage"]],
  options: [{ flags: "-r, --release <release>", description: "plan with this release (name or digest)" }],
  changes: false,
  examples: [["envctl plan prod", "what `envctl promote prod` would do"]],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { deploymentOutcome } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const release = text(options, "release");
      if (stage.after.length === 0) {
        const { bringUp } = await import("../../promotion/up.ts");
        const result = await bringUp(workspace, stage, { release, force: false, dryRun: true });
        if (result.kind === "would-build") return wouldBuild(workspace, stage, result.intent);
        return deploymentOutcome(context, { verb: "plan", ...result, dryRun: true });
      }
      const { promote } = await import("../../promotion/promote.ts");
      const result = await promote(workspace, stage, { release, dryRun: true });
      return deploymentOutcome(context, { verb: "plan", ...result, dryRun: true, extra: { from: result.from.name } });
    });
  },
};

/** The plan of what has yet to be built has no digest, and so no steps on hosts either. */
export function wouldBuild(workspace: Workspace, stage: Stage, intent: BuildIntent): Outcome {
  const { name } = workspace.environment;
  const hosts = stage.hosts.map((host) => host.name);
  return {
    json: {
      verb: "plan",
      environment: name,
      stage: stage.name,
      dryRun: true,
      changed: false,
      wouldBuild: true,
      build: { name: intent.name, fingerprint: intent.fingerprint },
      hosts,
    },
    text: [
      `${name} ${intent.name} on ${stage.name}`,
      `  build ${name} ${intent.name}: the sources are not those of any release`,
      "  push it",
      `  replace what runs on ${hosts.join(", ")}`,
    ].join("\n"),
  };
}
