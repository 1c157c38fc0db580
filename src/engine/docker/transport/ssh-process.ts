import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ProcessConnection } from "./process-connection.ts";
import { configurationArguments, type SshTarget } from "./ssh-arguments.ts";

/** Starts ssh with an argument list; no shell of this machine sees it. */
export function startSsh(
  arguments_: readonly string[],
  detached: boolean,
): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn("ssh", arguments_, {
    stdio: ["pipe", "pipe", "pipe"],
    // ssh is told to speak English: its words are read.
    env: { ...process.env, LC_ALL: "C" },
    detached,
  });
}

/** What an alias of `~/.ssh/config` stands for. */
export async function realHostName(target: SshTarget): Promise<string | undefined> {
  const process = startSsh(configurationArguments(target), true);
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
