import type { Verb } from "../verb.ts";

export const diff: Verb = {
  name: "diff",
  group: "look",
  summary: "how two stages differ: release, commits between, configuration, services",
  arguments: [
    ["<stage>", "one stage"],
    ["<other>", "the other"],
  ],
  options: [],
  changes: false,
  examples: [["envctl diff test prod", "what a promotion to prod would change"]],
  run: async (context, [left = "", right = ""]) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { stageSide } = await import("../../promotion/stage-side.ts");
    const { compareStages } = await import("../../plan/compare-stages.ts");
    const { commitsBetween } = await import("../../build/commits-between.ts");
    const { renderTable } = await import("../view/table.ts");
    return await withWorkspace(context, undefined, async (workspace) => {
      const { environment, variables, signal } = workspace;
      const sides = await Promise.all([left, right].map((name) => stageSide(workspace, findStage(environment, name))));
      const [one, other] = sides;
      if (!one || !other) throw new RangeError("two stages are compared");
      const differences = compareStages(one, other);
      const commits = await commitsBetween(environment.directory, one.release?.commit, other.release?.commit, {
        variables,
        signal,
      });
      const rows = differences.map((difference) => [difference.what, difference.left, difference.right]);
      const log = commits.map(
        (commit) =>
          `  ${context.paint("dim", commit.id.slice(0, 7))} ${commit.subject}${commit.side === "left" ? "" : ` (only in ${right})`}`,
      );
      return {
        json: { verb: "diff", environment: environment.name, left, right, differences, commits },
        text:
          rows.length === 0
            ? `${left} and ${right} are alike`
            : [
                renderTable(["", left.toUpperCase(), right.toUpperCase()], rows, context.paint, context.width),
                ...(log.length > 0 ? [`commits in ${left} that ${right} has not:`, ...log] : []),
              ].join("\n"),
      };
    });
  },
};
