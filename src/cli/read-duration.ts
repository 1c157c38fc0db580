import { parseDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { longestTimer } from "../base/time-limit.ts";

/** The value of a duration option in milliseconds. Throws `usage` (exit 2) for what is none, and for more than 24 days. */
export function readDuration(option: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const duration = parseDuration(typed);
  if (duration !== undefined && duration > 0 && duration <= longestTimer) return duration;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `${option} ${typed} is ${duration === undefined || duration <= 0 ? "no duration" : "too long"}`,
    state: "nothing was touched",
    next: "write it with a unit: 30s, 5m, 1h30m; at most 24d",
  });
}
