import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Stage } from "../../environment/model.ts";
import type { StageSide } from "../../plan/compare-stages.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import type { Verb } from "../verb.ts";
import type { DiffView } from "../view/diff.ts";

export const diff: Verb = {
  name: "diff",
  group: "look",
  summary: "how two stages differ: release, commits and layers between, configuration, variables, services",
  arguments: [
    ["<stage>", "one stage"],
    ["[other]", "the other; without it, each stage before is compared with this one"],
  ],
  options: [{ flags: "--exit-code", description: "exit 1 if they differ" }],
  changes: false,
  examples: [
    ["envctl diff test prod", "what a promotion to prod would change"],
    ["envctl diff prod", "the same: test is the stage before prod"],
    ["envctl diff test prod --json", "for scripts"],
  ],
  run: async (context, [one = "", other], options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { stageSide } = await import("../../promotion/stage-side.ts");
    const { renderDiff } = await import("../view/diff.ts");
    return await withWorkspace(context, undefined, async (workspace) => {
      const { environment } = workspace;
      const stage = findStage(environment, one);
      const pairs =
        other === undefined ? pairsBefore(workspace, stage) : [[stage, findStage(environment, other)] as const];
      const stages = [...new Set(pairs.flat())];
      const sides = new Map(
        await Promise.all(stages.map(async (each) => [each, await stageSide(workspace, each)] as const)),
      );
      const views = await Promise.all(
        pairs.map(async ([left, right]) => {
          const [leftSide, rightSide] = [sides.get(left), sides.get(right)];
          if (!leftSide || !rightSide) throw new RangeError("two stages are compared");
          return { leftSide, rightSide, view: await viewOf(workspace, leftSide, rightSide) };
        }),
      );
      const differ = views.some(({ view }) => view.differences.length > 0);
      return {
        json: {
          verb: "diff",
          environment: environment.name,
          alike: !differ,
          comparisons: views.map(({ leftSide, rightSide, view }) => documentOf(leftSide, rightSide, view)),
        },
        text: views.map(({ view }) => renderDiff(view, context)).join("\n\n"),
        exitCode: differ && options.exitCode === true ? ExitCode.failed : ExitCode.done,
      };
    });
  },
};

function pairsBefore(workspace: Workspace, stage: Stage): (readonly [Stage, Stage])[] {
  const before = workspace.environment.stages.filter(({ name }) => stage.after.includes(name));
  if (before.length > 0) return before.map((source) => [source, stage] as const);
  const others = workspace.environment.stages.filter(({ name }) => name !== stage.name).map(({ name }) => name);
  throw new EnvctlError({
    code: "first-stage",
    exitCode: ExitCode.usage,
    what: `${stage.name} is a first stage: no stage stands before it that it could be compared with`,
    state: "nothing was looked at",
    next: `name the other one: envctl diff ${stage.name} ${others[0] ?? "<other>"}`,
  });
}

async function viewOf(workspace: Workspace, left: StageSide, right: StageSide): Promise<DiffView> {
  const { environment, variables, signal } = workspace;
  const { compareStages } = await import("../../plan/compare-stages.ts");
  const { compareLayers } = await import("../../plan/compare-images.ts");
  const { commitsBetween } = await import("../../build/commits-between.ts");
  const { passingFingerprint } = await import("../../secrets/fingerprint.ts");
  const commit = ({ stage, release }: StageSide) => ({ stage: stage.name, commit: release?.commit });
  const runsBoth = left.release && right.release;
  return {
    ...compareStages(left, right, passingFingerprint()),
    left: left.stage.name,
    right: right.stage.name,
    commits: runsBoth
      ? await commitsBetween(environment.directory, commit(left), commit(right), { variables, signal })
      : { unknown: `nothing runs in ${(left.release ? right : left).stage.name}` },
    layers: left.image && right.image && compareLayers(left.image, right.image),
  };
}

function documentOf(left: StageSide, right: StageSide, view: DiffView) {
  return {
    left: sideDocument(left),
    right: sideDocument(right),
    differences: view.differences,
    unknown: view.unknown,
    commits: "commits" in view.commits ? view.commits.commits : null,
    commitsUnknown: "unknown" in view.commits ? view.commits.unknown : null,
    layers: view.layers ?? null,
  };
}

function sideDocument({ stage, release, image }: StageSide) {
  return {
    stage: stage.name,
    release: release
      ? { name: release.name, digest: release.digest, commit: release.commit ?? null, builtAt: release.builtAt }
      : null,
    image: image ? { platform: image.platform, size: image.layers.reduce((sum, { size }) => sum + size, 0) } : null,
  };
}
