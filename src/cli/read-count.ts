import { EnvctlError, ExitCode } from "../base/errors.ts";

/** The value of an option that counts something. Throws `usage` (exit 2) for what is no whole number from `least` on. */
export function readCount(option: string, typed: string | undefined, least = 1): number | undefined {
  if (typed === undefined) return undefined;
  const count = Number(typed);
  if (/^\d+$/.test(typed) && Number.isSafeInteger(count) && count >= least) return count;
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: `${option} ${typed} is no whole number, ${least} or more`,
    state: "nothing was touched",
    next: `write a whole number: ${option} 20`,
  });
}
