import { EnvctlError, ExitCode } from "../base/errors.ts";

/** The value of an option that counts something. Throws `usage` (exit 2) for what is no whole number above 0. */
export function readCount(option: string, typed: string | undefined): number | undefined {
  if (typed === undefined) return undefined;
  const count = Number(typed);
  if (/^\d+$/.test(typed) && Number.isSafeInteger(count) && count > 0) return count;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `${option} ${typed} is no whole number above 0`,
    state: "nothing was touched",
  });
}
