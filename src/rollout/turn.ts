import { EnvctlError, ExitCode } from "../base/errors.ts";
import { doneLine } from "../engine/capture.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import type { Site } from "../proxy/proxy.ts";
import { type Turn, turnFile, turnFolder } from "../proxy/turn.ts";
import type { ReadyCommands } from "./ready-commands.ts";

/**
 * Makes a file, and removes what else is in its folder. Where there are two for a moment, or until the next run, the proxy takes
 * the first by name: one or the other, and never none. Standard input is a line: the folder's path and the file's name. Constant
 * text.
 */
const script = [
  "read -r folder name || exit 0",
  "umask 022",
  'mkdir -p "$folder" && : >"$folder/$name" || exit',
  'for other in "$folder"/*; do [ "$other" = "$folder/$name" ] || rm -f "$other" || exit; done',
  `echo "${doneLine}"`,
].join("\n");

/** How long a proxy may take to end a change of what it serves that was given up. Milliseconds. */
export const changeGrace = 10_000;

/** Lets a site of a proxy serve another release, once it is told by its input which. */
export const turnCommand = ["sh", "-c", script];

/** Lets a site serve another release, by the configuration that it has. Throws `proxy-unwritten`. */
export async function turn(
  { engine, commands }: { readonly engine: Engine; readonly commands: ReadyCommands },
  container: ObservedContainer,
  to: { readonly site: Site; readonly turn: Turn },
  signal: AbortSignal,
): Promise<void> {
  const input = `${turnFolder(to.site)} ${turnFile(to.turn)}\n`;
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
