import { EnvctlError, ExitCode } from "../base/errors.ts";
import { captureUntilDone, doneLine } from "../engine/capture.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { turnedFile, turnedFolder } from "../proxy/proxy.ts";

/** Makes the file `$1`, or removes it, at one blow either way. Constant texts. */
const scripts = {
  on: `umask 022; mkdir -p ${turnedFolder} && : >"$1" && echo "${doneLine}"`,
  off: `rm -f "$1" && echo "${doneLine}"`,
} as const;

/** Lets a site serve its standby, or no more. Throws `proxy-unwritten`: then the proxy serves as before. */
export async function turn(
  engine: Engine,
  container: ObservedContainer,
  id: string,
  on: boolean,
  signal: AbortSignal,
): Promise<void> {
  const command = ["sh", "-c", on ? scripts.on : scripts.off, "turn", turnedFile({ id })];
  const { exitCode, stderr } = await captureUntilDone(engine, container.id, command, signal);
  if (exitCode !== 0) throw unwritten(engine, container, stderr.trim().split("\n"));
}

/** What a proxy is told is files of its own. */
export function unwritten(engine: Engine, container: ObservedContainer, evidence: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "proxy-unwritten",
    exitCode: ExitCode.failed,
    what: `the configuration of ${container.name} could not be written whole: the host's disk may be full`,
    where: engine.name,
    evidence,
    state: "the proxy still serves what it served",
    next: 'free space on the host: "docker system df" shows what takes it',
  });
}
