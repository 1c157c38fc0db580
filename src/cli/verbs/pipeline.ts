import { shortDigest } from "../../base/digest.ts";
import { ExitCode } from "../../base/errors.ts";
import type { PipelineResult, PipelineStage } from "../../promotion/pipeline.ts";
import type { Release } from "../../release/release.ts";
import type { Report } from "../ci/files.ts";
import { escapeMarkdown } from "../ci/markdown.ts";
import { skipHooksOption, waitOption } from "../global-options.ts";
import { type Context, type Outcome, text, type Verb } from "../verb.ts";

export const pipeline: Verb = {
  name: "pipeline",
  group: "release",
  summary: "build, and promote from stage to stage until a gate is closed",
  arguments: [],
  options: [
    { flags: "--to <stage>", description: "end with this stage (default: as far as the gates are open)" },
    { flags: "-r, --release <release>", description: "bring this release on instead of building (name or digest)" },
    { flags: "--force-build", description: "build even if nothing changed" },
    waitOption,
    skipHooksOption,
  ],
  changes: true,
  examples: [
    ["envctl pipeline", "for CI and cron: exit 3 tells what is missing for the next stage"],
    ["envctl pipeline --to test", "no further than test"],
    ["envctl pipeline --release 3f2c1ab --wait", "a release that was built before, once nobody else is at work"],
  ],
  run: async (context, _, options) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { runPipeline } = await import("../../promotion/pipeline.ts");
    return await withWorkspace(context, undefined, async (workspace) => {
      const result = await runPipeline(workspace, {
        release: text(options, "release"),
        to: text(options, "to"),
        force: options.forceBuild === true,
        dryRun: context.options.dryRun,
      });
      return await pipelineOutcome(context, workspace.environment.name, result);
    });
  },
};

const words: Readonly<Record<PipelineStage["outcome"], string>> = {
  deployed: "runs it now",
  unchanged: "had it already",
  "would-deploy": "would run it",
  closed: "a gate is closed",
  waiting: "not yet",
};

async function pipelineOutcome(context: Context, environment: string, result: PipelineResult): Promise<Outcome> {
  const { renderTable } = await import("../view/table.ts");
  const { clean } = await import("../view/clean.ts");
  const { releaseDocument } = await import("./deployment-outcome.ts");
  const { release, stages } = result;
  const { paint } = context;
  const closed = stages.filter((stage) => stage.outcome === "closed");
  const reached = stages.filter(({ outcome }) => outcome === "deployed" || outcome === "unchanged");
  const styles = {
    deployed: "green",
    unchanged: "green",
    "would-deploy": "cyan",
    closed: "yellow",
    waiting: "dim",
  } as const;
  const rows = stages.map(({ stage, outcome }) => [stage.name, { text: words[outcome], style: styles[outcome] }]);
  const missing = closed.flatMap(({ stage, closed: error }) =>
    error
      ? [
          `${paint("yellow", "!")} ${paint("bold", stage.name)}: ${clean(error.message)}`,
          ...error.evidence.map((line) => `  ${paint("dim", "│")} ${clean(line)}`),
          ...(error.next === undefined ? [] : [`  ${paint("dim", "next: ")} ${paint("cyan", clean(error.next))}`]),
        ]
      : [],
  );
  const name = release?.name ?? "a release that has yet to be built";
  const digest = release?.digest;
  return {
    json: {
      verb: "pipeline",
      environment,
      release: release ? releaseDocument(release) : null,
      dryRun: context.options.dryRun,
      complete: stages.length === reached.length,
      stages: stages.map(({ stage, outcome, closed: error }) => ({
        stage: stage.name,
        outcome,
        ...(error
          ? { missing: { code: error.code, what: error.message, evidence: error.evidence, next: error.next } }
          : {}),
      })),
    },
    text: [
      `${paint("bold", `${environment} ${name}`)} ${paint("dim", digest ? shortDigest(digest) : "")}`,
      renderTable(["STAGE", ""], rows, paint, context.width),
      ...missing,
    ].join("\n"),
    exitCode: closed.length > 0 ? ExitCode.gateClosed : ExitCode.done,
    ...(release && !context.options.dryRun ? { report: reportOf(environment, release, stages) } : {}),
  };
}

function reportOf(environment: string, { name, digest }: Release, stages: readonly PipelineStage[]): Report {
  const closed = stages.filter((stage) => stage.outcome === "closed");
  const reached = stages.filter(({ outcome }) => outcome === "deployed" || outcome === "unchanged");
  const missing = closed.flatMap(({ stage, closed: error }) =>
    [error?.message ?? "", ...(error?.evidence ?? [])].map((line) => `- ${stage.name}: ${escapeMarkdown(line)}`),
  );
  const rows = stages.map(({ stage, outcome }) => `| ${stage.name} | ${words[outcome]} |`);
  return {
    outputs: { environment, release: name, digest, reached: reached.at(-1)?.stage.name ?? "" },
    summary: [
      `### ${closed.length > 0 ? "⏸️" : "✅"} ${escapeMarkdown(`${environment} ${name}`)}`,
      `\`${digest}\``,
      ["| Stage | |", "| --- | --- |", ...rows].join("\n"),
      ...(missing.length > 0 ? [missing.join("\n")] : []),
    ].join("\n\n"),
  };
}
