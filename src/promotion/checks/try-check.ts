import type { Clock } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import { EnvctlError, messageOf } from "../../base/errors.ts";
import { timeLimit } from "../../base/time-limit.ts";
import type { CheckFrame } from "../../environment/verification.ts";
import { isOutOfReach } from "../../rollout/in-reach.ts";
import type { Attempt, Finding } from "./check.ts";

interface Trying extends Omit<Attempt, "signal"> {
  readonly clock: Clock;
  /** Aborted with the command. */
  readonly signal: AbortSignal;
  readonly attempt: (attempt: Attempt) => Promise<Finding>;
}

/** What became of a check in the end. */
export interface Tried extends Finding {
  readonly tries: number;
  /** Milliseconds, all tries and the time between them. */
  readonly took: number;
}

/**
 * Tries a check until it passes or its retries are used up; the last try counts. Throws where the last try did not reach
 * its host, which tells nothing of the release, and where the signal aborts.
 */
export async function tryCheck(check: CheckFrame, trying: Trying): Promise<Tried> {
  const { clock, signal, note } = trying;
  const started = performance.now();
  for (let tries = 1; ; tries += 1) {
    note(`# try ${tries} of ${check.retries + 1}, ${clock.now().toISOString()}`);
    const last = tries > check.retries;
    const finding = await once(check, trying, last);
    for (const { where, what } of finding.wrong) note(`# ${where === "" ? "" : `${where}: `}${what}`);
    if (finding.wrong.length === 0 || last) return { ...finding, tries, took: performance.now() - started };
    await clock.wait(check.interval, signal);
  }
}

async function once(check: CheckFrame, trying: Trying, last: boolean): Promise<Finding> {
  trying.signal.throwIfAborted();
  const deadline = timeLimit(check.timeout);
  const signal = AbortSignal.any([trying.signal, deadline]);
  try {
    return await trying.attempt({ output: trying.output, note: trying.note, signal });
  } catch (error) {
    trying.signal.throwIfAborted();
    if (deadline.aborted) return { wrong: [{ where: "", what: overdue(check) }] };
    if (isOutOfReach(error) && last) throw error;
    if (error instanceof EnvctlError) return { wrong: [{ where: error.where ?? "", what: messageOf(error) }] };
    throw error;
  }
}

/** What is said of a check whose time was over. */
export function overdue({ timeout }: Pick<CheckFrame, "timeout">): string {
  return `was not done within ${formatDuration(timeout)}`;
}
