import { formatDuration } from "../base/duration.ts";
import { EnvctlError, messageOf } from "../base/errors.ts";
import type { HostAddress } from "../base/host.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine } from "../engine/engine.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** What a host answered, or why it did not. */
export type HostAnswer<Answer> = { readonly answer: Answer } | { readonly unreachable: string };

/** Asks a host for what a view shows. One that does not answer within `timeout` milliseconds keeps nobody else waiting. */
export async function askHost<Answer>(
  workspace: Workspace,
  address: HostAddress,
  timeout: number,
  ask: (engine: Engine, signal: AbortSignal) => Promise<Answer>,
): Promise<HostAnswer<Answer>> {
  const signal = within(workspace, timeout);
  try {
    const engine = await abortable(workspace.connections.engine(address, workspace.signal), signal);
    return { answer: await abortable(ask(engine, signal), signal) };
  } catch (error) {
    workspace.signal.throwIfAborted();
    return { unreachable: whyNot(error, signal, timeout) };
  }
}

/** Aborted with the command, and after so many milliseconds. */
export function within(workspace: Workspace, timeout: number): AbortSignal {
  return AbortSignal.any([workspace.signal, timeLimit(timeout)]);
}

/** Why there was no answer. */
export function whyNot(error: unknown, signal: AbortSignal, timeout: number): string {
  const late = signal.aborted && !(error instanceof EnvctlError);
  return late ? `no answer within ${formatDuration(timeout)}` : messageOf(error);
}

/** Stops waiting at the signal; the work itself ends when its connection is closed. */
async function abortable<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return await new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}
