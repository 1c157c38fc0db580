import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type LoadOptions, loadEnvironment } from "../environment/load.ts";
import type { Environment, Stage } from "../environment/model.ts";
import { Connections } from "../rollout/connections.ts";
import { Hooks } from "../rollout/hooks.ts";
import { findStage, type Workspace } from "../rollout/workspace.ts";
import type { Context } from "./verb.ts";

/** Loads the environment file, opens a workspace for as long as `work` takes, and closes every connection after it. */
export async function withWorkspace<Result>(
  context: Context,
  stage: LoadOptions["stage"],
  work: (workspace: Workspace) => Promise<Result>,
  connecting: { readonly compress: boolean } = { compress: false },
): Promise<Result> {
  const { environment, problems } = await loadEnvironment({
    file: context.options.file,
    directory: context.directory,
    variables: context.variables,
    stage,
  });
  for (const problem of problems) {
    const { file, line, column } = problem.position;
    const { message } = problem;
    context.progress.warn(`${file}:${line}:${column}: ${message}`, { file, line, column, message });
  }
  const connections = new Connections(context.variables, context.interactive, connecting.compress);
  try {
    return await work({
      environment,
      problems,
      connections,
      clock: context.clock,
      variables: context.variables,
      progress: context.progress,
      signal: context.signal,
      situation: context.situation,
      lockWait: context.options.wait,
      hooks: new Hooks({
        environment: environment.name,
        directory: environment.directory,
        variables: context.variables,
        command: context.verb,
        progress: context.progress,
        signal: context.signal,
        skip: context.options.skipHooks,
      }),
    });
  } finally {
    await connections.close();
  }
}

/** The same for one stage. Throws `unknown-stage` (exit 2). */
export async function withStage<Result>(
  context: Context,
  name: string,
  work: (workspace: Workspace, stage: Stage) => Promise<Result>,
): Promise<Result> {
  return await withWorkspace(context, name, (workspace) => work(workspace, findStage(workspace.environment, name)));
}

/** The stage that is meant where none is named, before the file is read for that one alone. */
export async function impliedStage(
  { options, directory, variables }: Context,
  choose: (environment: Environment) => Stage | undefined,
): Promise<string | undefined> {
  const { environment } = await loadEnvironment({ file: options.file, directory, variables, stage: null });
  return choose(environment)?.name;
}

/** Asks before something that cannot be taken back. Throws `not-confirmed` (exit 2) unless the answer is yes. */
export async function confirmOrRefuse(context: Context, question: string, verb: string): Promise<void> {
  if (await context.confirm(question)) return;
  throw new EnvctlError({
    code: "not-confirmed",
    exitCode: ExitCode.usage,
    what: context.interactive ? "not confirmed" : "this asks for a confirmation, and there is no terminal to ask on",
    state: "nothing was changed",
    next: `envctl ${verb} --yes`,
  });
}
