import type { ProposedApproval } from "../../promotion/approve.ts";
import type { Context } from "../verb.ts";
import { text, type Verb } from "../verb.ts";

export const approve: Verb = {
  name: "approve",
  group: "release",
  summary: "sign that a release may come to this stage, or take that back",
  arguments: [["<stage>", "the stage that it may come to, such as prod"]],
  options: [
    {
      flags: "-r, --release <release>",
      description: "this release (name or digest); without it, what a promotion would take now",
    },
    { flags: "--comment <text>", description: "what goes with it: a ticket, what was tried" },
    { flags: "--withdraw", description: "take your own approval back" },
  ],
  changes: true,
  examples: [
    ["envctl approve prod", "shows the release, and asks before it signs"],
    ['envctl approve prod --release 3f2c1ab --comment "OPS-17" --yes', "asks nothing, as in CI"],
    ["envctl approve prod --withdraw", "from now on it does not count"],
  ],
  run: async (context, [name = ""], options) => {
    const { shortDigest } = await import("../../base/digest.ts");
    const { confirmOrRefuse, withStage } = await import("../workspace.ts");
    const { approve: signApproval, proposeApproval } = await import("../../promotion/approve.ts");
    const { gateLines } = await import("../view/gates.ts");
    const { releaseDocument } = await import("./deployment-outcome.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const withdraw = options.withdraw === true;
      const comment = text(options, "comment");
      const proposed = await proposeApproval(workspace, stage, {
        release: text(options, "release"),
        comment,
        withdraw,
      });
      const { release, decision, key, from } = proposed;
      const json = {
        verb: "approve",
        environment: workspace.environment.name,
        stage: stage.name,
        from: from.name,
        release: releaseDocument(release),
        decision,
        comment: comment ?? null,
        key,
        dryRun,
      };
      const shown = await describe(context, workspace.environment.name, stage.name, proposed);
      if (dryRun) return { json, text: `${shown}\n${key} would sign that it is ${decision}` };
      const reason = comment === undefined ? "" : ` --comment ${quoted(comment)}`;
      const again = `approve ${stage.name} --release ${release.name}${reason}`;
      if (!withdraw) await confirmOrRefuse(context, `${shown}\nSign as ${key} that it may come to ${name}?`, again);
      const { attestation, gate } = await signApproval(workspace, stage, proposed, comment);
      const { paint } = context;
      const what = `${workspace.environment.name} ${release.name} (${shortDigest(release.digest)}) for ${stage.name}`;
      return {
        json: { ...json, attestation: attestation.digest, gate: gate ?? null },
        text: [
          `${paint("green", "✓")} ${key} has ${withdraw ? "taken back the approval of" : "approved"} ${what}`,
          ...(gate ? gateLines([gate], paint) : [`  ${stage.name} asks for no approvals`]),
        ].join("\n"),
      };
    });
  },
};

/** As a shell takes it for one word, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What is signed, in words. */
async function describe(context: Context, environment: string, stage: string, proposed: ProposedApproval) {
  const { formatDuration } = await import("../../base/duration.ts");
  const { release, from } = proposed;
  const built = context.clock.now().getTime() - Date.parse(release.builtAt);
  const lines = [
    `${environment} ${release.name} from ${from.name} to ${stage}`,
    `  digest  ${release.digest}`,
    `  commit  ${release.commit ?? "none"}${release.dirty ? ", with changes that are in no commit" : ""}`,
    ...(Number.isNaN(built) ? [] : [`  built   ${formatDuration(Math.max(0, built))} ago`]),
  ];
  return lines.join("\n");
}
