import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { openHosts } from "../promotion/open-hosts.ts";
import { isOutOfReach } from "../rollout/in-reach.ts";
import type { Workspace } from "../rollout/workspace.ts";

/**
 * Engines of the stage's hosts, or of the one that was named. Hosts that do not answer are told of and left out: when one is
 * away is when people look. Throws `unknown-host` (exit 2), and as the first of them where none answers.
 */
export async function chooseHosts(workspace: Workspace, stage: Stage, typed: string | undefined): Promise<Engine[]> {
  const names = stage.hosts.map((host) => host.name);
  const chosen =
    typed === undefined
      ? stage.hosts
      : stage.hosts.filter(
          (host) => host.name === typed || host.name.endsWith(`/${typed}`) || host.name.endsWith(`@${typed}`),
        );
  if (chosen.length === 0) throw unknown("host", typed ?? "", names);
  const { connections, progress, signal } = workspace;
  const opened = await Promise.allSettled(chosen.map((host) => connections.engine(host, signal)));
  signal.throwIfAborted();
  const engines = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const [index, result] of opened.entries()) {
    if (result.status === "fulfilled") continue;
    if (engines.length === 0 || !isOutOfReach(result.reason)) throw result.reason;
    progress.warn(`${chosen[index]?.name} is left out: ${messageOf(result.reason)}`);
  }
  return engines;
}

/** Where nothing was found: it may be on a host that was left out. Throws as the first of those. */
export async function requireAnswers(workspace: Workspace, stage: Stage, typed: string | undefined): Promise<void> {
  if (typed === undefined) await openHosts(workspace, stage);
}

/** The app, the workers and the services of a stage. */
export function workloadNames({ workers, services }: Pick<Stage, "workers" | "services">): string[] {
  return ["app", ...[...workers, ...services].map(({ name }) => name)];
}

/** `app`, or a worker or service of the stage. Throws `unknown-workload` (exit 2). */
export function chooseWorkload(stage: Stage, typed = "app"): string {
  const names = workloadNames(stage);
  if (names.includes(typed)) return typed;
  throw unknown("workload", typed, names);
}

function unknown(kind: string, typed: string, names: readonly string[]): EnvctlError {
  const meant = didYouMean(typed, names);
  return new EnvctlError({
    code: `unknown-${kind}`,
    exitCode: ExitCode.usage,
    what: `there is no ${kind} "${typed}" in this stage${meant ? `; did you mean "${meant}"?` : ""}`,
    state: "nothing was touched",
    next: `there are: ${names.join(", ")}`,
  });
}
