import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Step } from "../plan/plan.ts";
import { describeStep } from "../plan/words.ts";
import { type Execution, workerOf } from "./execution.ts";
import type { HostProgress } from "./host-progress.ts";
import { isOutOfReach, untilInReach } from "./in-reach.ts";
import { undo } from "./step.ts";

/** How long putting things back may take besides what the stage allows for health and draining. Milliseconds. */
const undoTimeout = 120_000;
/** How long a host is waited for that does not answer: an engine that crashed is back after some seconds. Milliseconds. */
const hostPatience = 20_000;

/** What became of a host that was to go back. */
interface Undone {
  readonly host: HostProgress;
  /** What could not be undone, a line each. */
  readonly broken: readonly string[];
  /** True where the host did not answer, and more may be left to undo than was tried. */
  readonly away: boolean;
}

/** Undoes, newest first, what was switched; returns the error to throw, which says in what state that left things. */
export async function goBack(
  execution: Execution,
  hosts: readonly HostProgress[],
  reason: unknown,
  progress: Progress,
): Promise<unknown> {
  const begun = hosts.filter((host) => host.begun.length > 0);
  const back = execution.rollout.onFailure === "rollback" ? begun : begun.filter((host) => !host.done);
  const stay = begun.filter((host) => !back.includes(host));
  if (begun.length === 0) return explain(reason, "nothing was switched: what ran before still runs on every host");
  const signal = timeLimit(undoTimeout + execution.rollout.timeout);
  const undone: Undone[] = [];
  await progress.step("go back", async (at) => {
    await Promise.all(
      back.map((host) =>
        at.step(host.name, async (onHost) => {
          const result = await undoAll(execution, host, onHost, signal);
          undone.push(result);
          execution.situation.set(host.name, outcome(result));
        }),
      ),
    );
  });
  const state = [
    ...back
      .map((host) => undone.find((result) => result.host === host))
      .flatMap((result) => (result ? [`${result.host.name} ${outcome(result)}`] : [])),
    ...stay.map((host) => `${host.name} stays on ${execution.plan.release.name}`),
  ].join("; ");
  const broken = undone.filter((result) => result.broken.length > 0);
  if (broken.length === 0) return explain(reason, state);
  return unfinished(execution, reason, state, broken);
}

/**
 * What could not be undone is told, and the rest still is; but not what clients may need then. Where the old does not run
 * again, or the proxy cannot be led back to it, the new is what serves, and stays. A host that does not answer is left.
 */
async function undoAll(
  execution: Execution,
  host: HostProgress,
  progress: Progress,
  signal: AbortSignal,
): Promise<Undone> {
  const worker = workerOf(execution, host.name);
  const broken: string[] = [];
  let end: number | undefined;
  let mustServe = false;
  const tell = (error: unknown) => {
    if (end === undefined) {
      const limit = formatDuration(hostPatience);
      progress.warn(`${host.name} does not answer, and is asked again for ${limit}: ${messageOf(error)}`);
    }
    end ??= performance.now() + hostPatience;
    progress.update("it does not answer");
    return end;
  };
  for (const step of newestRoutes([...host.begun].reverse())) {
    if (mustServe && step.kind !== "stop") continue;
    const text = describeStep(step);
    execution.situation.set(host.name, `was about to undo: ${text}`);
    try {
      await untilInReach(() => undo(step, worker, progress, signal), { tell, clock: execution.clock, signal });
    } catch (error) {
      const away = isOutOfReach(error);
      const why = away
        ? `it does not answer, and was left at "${text}"`
        : `could not undo "${text}": ${messageOf(error)}`;
      broken.push(why);
      progress.warn(`${host.name}: ${why}`);
      if (away) return { host, broken, away };
      mustServe ||= step.kind === "stop" || step.kind === "route";
    }
  }
  if (mustServe) broken.push("what serves there was left as it is");
  return { host, broken, away: false };
}

/** A canary that grew step by step goes back at once: of routes that lead back to the same, the newest will do. */
function newestRoutes(steps: readonly Step[]): readonly Step[] {
  const seen = new Set<string>();
  return steps.filter((step) => {
    if (step.kind !== "route") return true;
    const way = JSON.stringify([step.proxy.name, step.id, step.before ?? null]);
    return !seen.has(way) && seen.add(way);
  });
}

function outcome({ host, broken }: Undone): string {
  if (broken.length > 0) return broken.join("; ");
  // Clients have noticed a host only once it was routed to the new, or its old container stopped.
  const noticed = host.begun.some((step) => step.kind === "stop" || step.kind === "route");
  return noticed
    ? "went back to what ran before"
    : "runs what it ran: nothing was stopped, and what was started is gone again";
}

/** Where hosts merely do not answer, the same command goes on once they do; what else cannot be undone needs a person. */
function unfinished(execution: Execution, reason: unknown, state: string, broken: readonly Undone[]): EnvctlError {
  const away = broken.filter((result) => result.away).map(({ host }) => host.name);
  const { stage } = execution.plan;
  return new EnvctlError({
    code: "rollback-failed",
    exitCode: away.length === broken.length ? ExitCode.unreachable : ExitCode.needsPerson,
    what: messageOf(reason),
    where: reason instanceof EnvctlError ? reason.where : undefined,
    evidence: reason instanceof EnvctlError ? reason.evidence : [],
    state,
    next: `envctl status ${stage}${away.length > 0 ? `; once ${away.join(" and ")} ${away.length === 1 ? "answers" : "answer"}, ` : ", and "}the same command again: it goes on from what is there`,
    cause: reason,
  });
}

export function explain(error: unknown, state: string): unknown {
  return error instanceof EnvctlError && state !== "" ? error.with({ state }) : error;
}
