import { parseDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** The value of a duration option in milliseconds. Throws `usage` (exit 2) for what is none. */
export function readDuration(option: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const duration = parseDuration(typed);
  if (duration !== undefined && duration > 0) return duration;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `${option} ${typed} is no duration`,
    state: "nothing was touched",
    next: "write it with a unit: 30s, 5m, 1h30m",
  });
}
