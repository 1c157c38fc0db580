import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ProcessConnection } from "./process-connection.ts";
import { configurationArguments, type SshTarget } from "./ssh-arguments.ts";

/**
 * Ctrl-C at a terminal goes to all programs that it started. What is ignored stays so for the program that takes a shell's
 * place (POSIX), and an ssh that logs in leaves SIGINT at that. Constant text: the arguments stay a list.
 */
const deafToInterrupt = ["-c", 'trap "" INT; exec ssh "$@"', "ssh"];

/**
 * Starts ssh with an argument list. Either way it outlives Ctrl-C, so that envctl can still put things back: with
 * `asks` it can ask a person on the terminal, else it is in a session of its own.
 */
export function startSsh(
  arguments_: readonly string[],
  asks: boolean,
): ChildProcessByStdio<Writable, Readable, Readable> {
  const throughShell = asks && process.platform !== "win32";
  const [command, words] = throughShell ? ["/bin/sh", [...deafToInterrupt, ...arguments_]] : ["ssh", arguments_];
  return spawn(command, words, {
    stdio: ["pipe", "pipe", "pipe"],
    // ssh is told to speak English: its words are read.
    env: { ...process.env, LC_ALL: "C" },
    detached: !asks,
  });
}

/** Whether the shell that was to become ssh found none. */
export function foundNoSsh(exitCode: number | null, printed: string): boolean {
  return exitCode === 127 && /\bssh: (?:command )?not found/.test(printed);
}

/** What an alias of `~/.ssh/config` stands for. */
export async function realHostName(target: SshTarget): Promise<string | undefined> {
  const process = startSsh(configurationArguments(target), false);
  const connection = new ProcessConnection(process, () => new Error("ssh -G failed"));
  const text = await outputOf(connection);
  return /^hostname (\S+)$/m.exec(text ?? "")?.[1];
}

/** All that a process prints; undefined where it fails. */
export async function outputOf(connection: ProcessConnection, signal?: AbortSignal): Promise<string | undefined> {
  signal?.throwIfAborted();
  const abort = () => connection.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    connection.end();
    const chunks: Buffer[] = [];
    for await (const chunk of connection) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  } catch {
    signal?.throwIfAborted();
    return undefined;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
