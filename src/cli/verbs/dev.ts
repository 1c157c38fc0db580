import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Explanation } from "../../dev/explain.ts";
import type { Environment, Stage } from "../../environment/model.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import { skipHooksOption, waitOption } from "../global-options.ts";
import { type Context, type Outcome, text, type Verb } from "../verb.ts";

export const dev: Verb = {
  name: "dev",
  group: "work with what runs",
  summary: "run the app from the sources, and bring every change into it",
  arguments: [["[stage]", "the stage (default: dev, or the first)"]],
  options: [
    { flags: "--explain <path>", description: "only say what a change of this path would do, and why" },
    { flags: "--once", description: "bring everything up to date, and end" },
    { flags: "-t, --timestamps", description: "with the time of each line that containers print" },
    waitOption,
    skipHooksOption,
  ],
  changes: false,
  endless: (options) => options.once !== true && options.explain === undefined,
  linewise: (options) => options.explain === undefined,
  examples: [
    ["envctl dev", "save a file, see it running; ? shows the keys"],
    ["envctl dev --once --json", "in a script: one JSON document a line, and an end"],
    ["envctl dev --explain src/server.js", "what happens when this file is saved"],
  ],
  run: async (context, [typed], options) => {
    const { impliedStage, withWorkspace } = await import("../workspace.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { developmentStage } = await import("../../environment/development-stage.ts");
    const name = typed ?? (await impliedStage(context, developmentStage));
    const choose = ({ environment }: Workspace): Stage => {
      const stage = name === undefined ? undefined : findStage(environment, name);
      if (!stage || stage.after.length > 0) throw notFromSources(environment, stage);
      return stage;
    };
    const path = text(options, "explain");
    if (path !== undefined) {
      return await withWorkspace(context, name, (workspace) =>
        explainPath(context, workspace, choose(workspace), path),
      );
    }
    const { runDev } = await import("../dev/run-dev.ts");
    return await runDev(context, name, options, choose);
  },
};

function notFromSources(environment: Environment, stage: Stage | undefined): EnvctlError {
  return new EnvctlError({
    code: "not-from-sources",
    exitCode: ExitCode.usage,
    what: `${stage?.name ?? "no stage"} is not built from the sources: releases are promoted to it`,
    where: environment.file,
    state: "nothing was touched",
    next: "name a stage that comes after no other",
  });
}

async function explainPath(context: Context, workspace: Workspace, stage: Stage, path: string): Promise<Outcome> {
  const { explain } = await import("../../dev/explain.ts");
  const { baseImages } = await import("../../dev/base-images.ts");
  const { findBuiltImage } = await import("../../dev/built-image.ts");
  const { environment, signal } = workspace;
  const explanation = await explain({
    environment,
    stage,
    path,
    directory: context.directory,
    findBuilt: () => findBuiltImage(workspace, stage),
    readTriggers: baseImages(workspace),
    signal,
  });
  const { renderExplanation } = await import("../view/explanation.ts");
  return {
    json: { verb: "dev", environment: environment.name, stage: stage.name, explain: documentOf(explanation) },
    text: renderExplanation(explanation, context.paint),
  };
}

function documentOf(explanation: Explanation) {
  const { at, restart, contents, targets } = explanation;
  return {
    ...explanation,
    at: at ?? null,
    restart: restart ?? null,
    contents: contents ?? null,
    targets: targets.map(({ mode, ...target }) => ({ ...target, mode: mode ?? null })),
  };
}
