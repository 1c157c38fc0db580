import { ExitCode } from "../../base/errors.ts";
import { text, type Verb } from "../verb.ts";

export const doctor: Verb = {
  name: "doctor",
  group: "set up",
  summary: "try everything that a release needs: builder, repositories, hosts, secrets; changes nothing",
  arguments: [],
  options: [{ flags: "--host-timeout <duration>", description: "wait no longer than this for a host", default: "15s" }],
  changes: false,
  examples: [["envctl doctor", "before the first release, or when something is odd"]],
  run: async (context, _, options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { examine } = await import("../../promotion/doctor.ts");
    const { readDuration } = await import("../read-duration.ts");
    const { clean } = await import("../view/clean.ts");
    const limit = readDuration("--host-timeout", text(options, "hostTimeout")) ?? 15_000;
    return await withWorkspace(context, undefined, async (workspace) => {
      const findings = await examine(workspace, limit);
      const marks = {
        ok: context.paint("green", "✓"),
        warning: context.paint("yellow", "!"),
        failed: context.paint("red", "✗"),
      };
      const lines = findings.flatMap(({ what, verdict, detail, next }) => [
        `${marks[verdict]} ${what}: ${clean(detail)}`,
        ...(next === undefined ? [] : [`    next: ${clean(next)}`]),
      ]);
      const failed = findings.some((finding) => finding.verdict === "failed");
      return {
        json: { verb: "doctor", environment: workspace.environment.name, findings },
        text: lines.join("\n"),
        exitCode: failed ? ExitCode.failed : ExitCode.done,
      };
    });
  },
};
