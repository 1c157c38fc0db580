import { parseDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** `10m` (ago) or an RFC 3339 time, as an RFC 3339 time. Throws `usage` (exit 2) for anything else. */
export function readSince(typed: string | undefined, now: Date): string | undefined {
  if (typed === undefined) return undefined;
  const duration = parseDuration(typed);
  if (duration !== undefined) return new Date(now.getTime() - duration).toISOString();
  const time = /^\d{4}-\d{2}-\d{2}/.test(typed) ? Date.parse(typed) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `--since ${typed} is no time`,
    state: "nothing was touched",
    next: "write a duration such as 10m, or a time such as 2026-01-31T09:00:00Z",
  });
}
