import { ExitCode } from "../../base/errors.ts";
import { Progress } from "../../base/progress.ts";
import { type DevLoop, DevLoop as Loop } from "../../dev/loop.ts";
import { loadEnvironment } from "../../environment/load.ts";
import type { Stage } from "../../environment/model.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import { workloadNames } from "../choose.ts";
import type { Context, OptionValues, Outcome } from "../verb.ts";
import { withWorkspace } from "../workspace.ts";
import { DevActions } from "./actions.ts";
import { type DevView, jsonLine, jsonView, textView } from "./dev-view.ts";
import { nameOf } from "./status-line.ts";

/** Runs the dev loop until a person ends it. `choose` finds the stage. */
export async function runDev(
  context: Context,
  name: string | undefined,
  options: OptionValues,
  choose: (workspace: Workspace) => Stage,
): Promise<Outcome> {
  const live = context.interactive && process.stdout.isTTY === true && context.variables.TERM !== "dumb";
  const timestamps = options.timestamps === true;
  const once = options.once === true;
  const view = context.options.json ? jsonView(context) : textView(context, { live: live && !once, timestamps });
  const shown: Context = { ...context, progress: new Progress(view.progress) };
  try {
    return await withWorkspace(shown, name, (workspace) => loopOver(shown, workspace, choose(workspace), view, once), {
      compress: true,
    });
  } finally {
    view.close();
  }
}

async function loopOver(
  context: Context,
  workspace: Workspace,
  stage: Stage,
  view: DevView,
  once: boolean,
): Promise<Outcome> {
  const { file, directory } = workspace.environment;
  view.expect({
    workloads: workloadNames(stage),
    severalHosts: stage.hosts.length > 1,
  });
  const loop = await Loop.open({
    workspace,
    stage,
    listener: view.listener,
    reread: () => loadEnvironment({ file, directory, variables: context.variables, stage: stage.name }),
    once,
    busybox: async (within, of, engine) => {
      const { bringBusybox } = await import("../../dev/busybox.ts");
      return await bringBusybox(within, of, engine);
    },
  });
  const actions = view.screen && new DevActions({ context, workspace, stage, loop, view });
  try {
    actions?.listen();
    await loop.run();
  } finally {
    await actions?.end();
  }
  const { signal } = context;
  // A time limit is no way in which a person ends it.
  if (signal.aborted && signal.reason.exitCode !== ExitCode.interrupted) throw signal.reason;
  view.close();
  return outcomeOf(loop, context, stage);
}

/** What goes on running, and what to type next. */
function outcomeOf(loop: DevLoop, context: Context, stage: Stage): Outcome {
  const { status } = loop;
  const exitCode = context.signal.aborted ? ExitCode.interrupted : ExitCode.done;
  if (context.options.json) {
    const { release, different, url } = status;
    const document = {
      event: "ended",
      at: context.clock.now().toISOString(),
      stage: stage.name,
      release,
      different,
      url,
    };
    context.write(jsonLine(document));
    return { json: undefined, text: "", exitCode };
  }
  const where = status.url === undefined ? "" : ` at ${status.url}`;
  const lines =
    status.release === undefined
      ? [`nothing of these sources runs in ${stage.name}`]
      : [`${nameOf(status)} goes on running${where}`];
  const next = [
    ["envctl dev", "goes on from there"],
    ...(status.different > 0 ? [[`envctl up ${stage.name}`, "makes a release of it"]] : []),
    [`envctl down ${stage.name}`, "removes it"],
  ] as const;
  const text = [...lines, ...next.map(([command, what]) => `  ${command?.padEnd(18)}  ${what}`)].join("\n");
  return { json: undefined, text, exitCode };
}
