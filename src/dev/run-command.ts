import { Writable } from "node:stream";
import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";

export interface CommandResult {
  /** Undefined where it could not be started. */
  readonly exitCode: number | undefined;
  /** Its last lines, of both streams. */
  readonly output: readonly string[];
  readonly milliseconds: number;
}

/** Lines that are kept of a command's output. */
const kept = 50;

/** Runs a command in the app's container, as the app's user. Its failure is a result, and no error. */
export async function runCommand(
  engine: Engine,
  container: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<CommandResult> {
  const started = performance.now();
  const lines: string[] = [];
  const collector = () => {
    let partial = "";
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        const parts = (partial + chunk.toString("utf8")).split("\n");
        partial = parts.pop() ?? "";
        lines.push(...parts);
        if (lines.length > kept) lines.splice(0, lines.length - kept);
        done();
      },
      final: (done) => {
        if (partial !== "") lines.push(partial);
        done();
      },
    });
  };
  const [stdout, stderr] = [collector(), collector()];
  let exitCode: number | undefined;
  try {
    exitCode = await engine.exec(container, {
      command,
      env: {},
      user: undefined,
      terminal: undefined,
      stdin: undefined,
      stdout,
      stderr,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    lines.push(messageOf(error));
  }
  await Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.end(resolve))));
  return { exitCode, output: lines, milliseconds: performance.now() - started };
}
