import { text, type Verb } from "../verb.ts";

export const gates: Verb = {
  name: "gates",
  group: "look",
  summary: "what holds a promotion back, and what would open it",
  arguments: [["<stage>", "the stage to promote to, such as prod"]],
  options: [
    {
      flags: "-r, --release <release>",
      description: "for this release (name or digest); without it, what a promotion would take now",
    },
  ],
  changes: false,
  examples: [
    ["envctl gates prod", "each gate, open or closed; exit 3 where one is closed"],
    ["envctl gates prod --release 3f2c1ab --json", "for scripts: when it opens, what is missing"],
  ],
  run: async (context, [name = ""], options) => {
    const { ExitCode } = await import("../../base/errors.ts");
    const { shortDigest } = await import("../../base/digest.ts");
    const { withStage } = await import("../workspace.ts");
    const { findPromotion } = await import("../../promotion/promote.ts");
    const { lookAtGates } = await import("../../promotion/judge-gates.ts");
    const { gateLines } = await import("../view/gates.ts");
    const { releaseDocument } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const found = await findPromotion(workspace, stage, text(options, "release"));
      const { release, from } = found;
      const { gates: judged, opensAt } = await lookAtGates(workspace, stage, found);
      const open = judged.every((gate) => gate.open);
      const environment = workspace.environment.name;
      const title = `${environment} ${release.name} (${shortDigest(release.digest)}) from ${from.name} to ${stage.name}`;
      return {
        json: {
          verb: "gates",
          environment,
          stage: stage.name,
          from: from.name,
          release: releaseDocument(release),
          open,
          opensAt: opensAt ?? null,
          gates: judged,
          overridable: stage.gates.overridable,
        },
        text: [title, ...gateLines(judged, context.paint), ...(open || !opensAt ? [] : [await when(opensAt)])].join(
          "\n",
        ),
        exitCode: open ? ExitCode.done : ExitCode.gateClosed,
      };
    });
  },
};

async function when(opensAt: string): Promise<string> {
  const { formatInstant, zoneHere } = await import("../../base/zoned-time.ts");
  return `all are open ${formatInstant(Date.parse(opensAt), zoneHere(), zoneHere())}, unless something else changes`;
}
