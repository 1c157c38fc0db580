import { parseDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** What a timer can wait at most: one that is set to more goes off at once. Milliseconds. */
const longest = 2 ** 31 - 1;

/** The value of a duration option in milliseconds. Throws `usage` (exit 2) for what is none, and for more than 24 days. */
export function readDuration(option: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const duration = parseDuration(typed);
  if (duration !== undefined && duration > 0 && duration <= longest) return duration;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `${option} ${typed} is ${duration === undefined || duration <= 0 ? "no duration" : "too long"}`,
    state: "nothing was touched",
    next: "write it with a unit: 30s, 5m, 1h30m; at most 24d",
  });
}
