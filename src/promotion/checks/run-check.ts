import { EnvctlError } from "../../base/errors.ts";
import { silent } from "../../base/progress.ts";
import type { CheckFrame, RunCheck } from "../../environment/verification.ts";
import { desiredApp } from "../../plan/desired.ts";
import { bringRelease } from "../../rollout/image.ts";
import { stageLabels } from "../../rollout/observe.ts";
import { runTask } from "../../rollout/task.ts";
import type { Attempt, CheckedStage, Finding } from "./check.ts";
import { judgeReports } from "./judge-reports.ts";
import type { Report } from "./junit.ts";
import { reportsInContainer } from "./reports.ts";

/** Runs a command in a container of the release on the stage's first host, as `envctl run` does. */
export async function checkRun(
  check: RunCheck & CheckFrame,
  { workspace, stage, release, engines, secrets }: CheckedStage,
  { output, signal }: Attempt,
): Promise<Finding> {
  const [engine] = engines;
  if (!engine) throw new RangeError(`stage ${stage.name} has no host`);
  const place = { environment: workspace.environment.name, stage: stage.name };
  const [app] = desiredApp({ ...place, generation: 0 }, stage, release, secrets);
  if (!app) throw new RangeError(`stage ${stage.name} has no app`);
  const repository = await workspace.connections.repository(stage.repository);
  let reports: Report[] = [];
  const { junit } = check;
  const failure = await failureOf(() =>
    runTask({
      task: { name: check.name, command: check.command, timeout: check.timeout },
      app,
      worker: {
        engine,
        labels: stageLabels(place.environment, place.stage),
        clock: workspace.clock,
        bring: (_, at, limit) => bringRelease(engine, repository, release, at, limit),
      },
      release: { ...place, release },
      progress: silent,
      output,
      ...(junit === undefined
        ? {}
        : {
            ended: async (id: string) => {
              reports = await reportsInContainer(engine, id, junit, signal);
            },
          }),
      signal,
    }),
  );
  if (junit !== undefined) return await judgeReports(engine.name, failure, junit, async () => reports);
  return { wrong: failure === undefined ? [] : [{ where: engine.name, what: failure }] };
}

/** How the command failed; what kept it from running at all is thrown. */
async function failureOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof EnvctlError) || error.code !== "task-failed") throw error;
    return error.message.replace(/^task \S+ /, "");
  }
}
