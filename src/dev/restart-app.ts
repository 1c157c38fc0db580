import { constants } from "node:os";
import { EnvctlError } from "../base/errors.ts";
import { capture } from "../engine/capture.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { agentFolder } from "./agent-script.ts";

export interface Restarted {
  /** True where it was killed, because it does not heed the signal to stop. */
  readonly killed: boolean;
}

export interface RestartOptions {
  /** How long a program that is about to end may take, in milliseconds. */
  readonly grace: number;
  /** Port on which the program listens; undefined where nobody knows of one. */
  readonly port: number | undefined;
}

/** After so long a program that heeds its stop signal listens no more, or has ended: both are a matter of few. Milliseconds. */
const hint = 60;

/** What engines say where a command could not be run at all, or was not found. */
const notRun = 126;

/**
 * Starts the container's process anew, and waits out no grace for nothing. A first process without a handler for its stop
 * signal never gets it (the kernel drops it), and one that has a handler may do nothing in it: Node has one of its own,
 * after which the signal's default is dropped just so. A program that is about to end listens no more; one that still
 * does after a moment is killed. Where no port is known, only the handler can be asked for.
 */
export async function restartApp(
  engine: Engine,
  container: ObservedContainer,
  { grace, port }: RestartOptions,
  signal: AbortSignal,
): Promise<Restarted> {
  if (container.state !== "running" || grace === 0) {
    await engine.restartContainer(container.id, grace, signal);
    return { killed: false };
  }
  const name = container.stopSignal ?? "SIGTERM";
  const killed =
    (port === undefined && (await isDeaf(engine, container, name, signal))) ||
    !(await endsBy(name, engine, container, { grace, port }, signal));
  await engine.restartContainer(container.id, 0, signal);
  return { killed };
}

async function isDeaf(
  engine: Engine,
  container: ObservedContainer,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const number = signalNumber(name);
  const [status] = await readProc(engine, container.id, ["1/status"], signal);
  return number !== undefined && status !== undefined && catches(status, number) === false;
}

/** Sends the signal, and waits for the end as long as there is hope. */
async function endsBy(
  name: string,
  engine: Engine,
  container: ObservedContainer,
  { grace, port }: RestartOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const ended = engine.waitForExit(container.id, signal).then(() => true);
  // Awaited below; where that is over by then, nobody is left to hear of it.
  ended.catch(() => undefined);
  try {
    await engine.signalContainer(container.id, name, signal);
  } catch (error) {
    if (error instanceof EnvctlError && error.code === "container-not-running") return true;
    throw error;
  }
  if (await within(ended, Math.min(hint, grace))) return true;
  if (port !== undefined && (await listens(engine, container, port, signal))) return false;
  return await within(ended, Math.max(0, grace - hint));
}

async function within(ended: Promise<boolean>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function listens(
  engine: Engine,
  container: ObservedContainer,
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  const tables = await readProc(engine, container.id, ["net/tcp", "net/tcp6"], signal);
  return tables.some((table) => listensOn(table, port));
}

/** Of a text such as /proc/net/tcp (proc(5)): whether a socket listens (state 0A) on this port. */
export function listensOn(table: string, port: number): boolean {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`^\\s*\\d+: [0-9A-F]+:${hexadecimal} [0-9A-F]+:0000 0A `, "m").test(table);
}

/** Of a text such as /proc/1/status: whether the process has a handler for the signal (proc(5), `SigCgt`). */
export function catches(status: string, signalNumber: number): boolean | undefined {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/im.exec(status)?.[1];
  return mask === undefined ? undefined : ((BigInt(`0x${mask}`) >> BigInt(signalNumber - 1)) & 1n) === 1n;
}

function signalNumber(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  return new Map<string, number>(Object.entries(constants.signals)).get(name.startsWith("SIG") ? name : `SIG${name}`);
}

/** Files of /proc in the container, those that are there; none where the image has no program to read them with. */
async function readProc(
  engine: Engine,
  container: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const paths = files.map((file) => `/proc/${file}`);
  for (const program of [["cat"], [`${agentFolder}/busybox`, "cat"]]) {
    try {
      const { exitCode, stdout } = await capture(engine, container, [...program, ...paths], signal);
      // One of the files may be missing: that is no reason not to read the other.
      if (exitCode < notRun) return [stdout];
    } catch (error) {
      signal.throwIfAborted();
      // An image without such a program; a container that no longer runs is found out by the restart.
      if (!(error instanceof EnvctlError)) throw error;
    }
  }
  return [];
}
