import { shortDigest } from "../../base/digest.ts";
import { waitOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const verify: Verb = {
  name: "verify",
  group: "release",
  summary: "run the checks of a stage against what runs there, and record what they found",
  arguments: [["<stage>", "the stage, such as test"]],
  options: [waitOption],
  changes: true,
  examples: [
    ["envctl verify test", "all checks of test; exit 1 names those that failed"],
    ["envctl verify test && envctl promote prod", "only what has just been proven"],
    ["envctl verify prod --json", "each check, its tries and tests, and where its log is"],
  ],
  run: async (context, [name = ""]) => {
    const { withStage } = await import("../workspace.ts");
    const { verifyStage } = await import("../../promotion/verify.ts");
    const { verificationDocument, verificationLines } = await import("./verification-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const { release, ...result } = await verifyStage(workspace, stage, { dryRun });
      const { name: environment } = workspace.environment;
      const json = {
        verb: "verify",
        environment,
        stage: stage.name,
        release: { name: release.name, digest: release.digest },
        dryRun,
        verification: dryRun ? null : verificationDocument(result),
        checks: stage.verify.checks.map((check) => ({ name: check.name, kind: check.kind })),
      };
      const { paint } = context;
      if (dryRun) {
        const names = stage.verify.checks.map((check) => `  ${check.name} (${check.kind})`);
        return { json, text: [`would check ${environment} ${release.name} in ${stage.name}`, ...names].join("\n") };
      }
      const title = `${paint("green", "✓")} ${environment} ${release.name} is verified in ${paint("bold", stage.name)}`;
      const lines = [title, ...verificationLines(context, result), `  ${paint("dim", shortDigest(release.digest))}`];
      return { json, text: lines.join("\n") };
    });
  },
};
