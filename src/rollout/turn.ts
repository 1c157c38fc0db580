import { EnvctlError, ExitCode } from "../base/errors.ts";
import { doneLine } from "../engine/capture.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { turnedFolder } from "../proxy/proxy.ts";
import type { ReadyCommands } from "./ready-commands.ts";

/**
 * Makes a site's file, or removes it, at one blow either way. Standard input is a line: `on` or `off`, and the site's id, which
 * is a file's name. Constant text.
 */
const script = [
  "read -r word site || exit 0",
  'case "$word" in',
  `on) umask 022; mkdir -p ${turnedFolder} && : >"${turnedFolder}/$site" ;;`,
  `*) rm -f "${turnedFolder}/$site" ;;`,
  "esac || exit",
  `echo "${doneLine}"`,
].join("\n");

/** How long a proxy may take to end a change of what it serves that was given up. Milliseconds. */
export const changeGrace = 10_000;

/** Lets a site of a proxy serve its standby, or no more, once it is told by its input which. */
export const turnCommand = ["sh", "-c", script];

/** Lets a site serve its standby, or no more. Throws `proxy-unwritten`: then the proxy serves as before. */
export async function turn(
  { engine, commands }: { readonly engine: Engine; readonly commands: ReadyCommands },
  container: ObservedContainer,
  id: string,
  on: boolean,
  signal: AbortSignal,
): Promise<void> {
  const input = `${on ? "on" : "off"} ${id}\n`;
  const { exitCode, stderr } = await commands.run(container.name, turnCommand, input, signal, { grace: changeGrace });
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
