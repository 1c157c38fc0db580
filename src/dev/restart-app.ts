import { constants } from "node:os";
import { Writable } from "node:stream";
import { EnvctlError } from "../base/errors.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import { agentFolder } from "./agent-script.ts";

export interface Restarted {
  /** True where it was killed at once, because it would not have heeded the signal to stop. */
  readonly killed: boolean;
}

/**
 * Starts the container's process anew. A first process that has no handler for its stop signal never gets it (the kernel
 * drops it): to wait out its grace would only cost the time.
 */
export async function restartApp(
  engine: Engine,
  container: ObservedContainer,
  grace: number,
  signal: AbortSignal,
): Promise<Restarted> {
  const killed = container.state === "running" && (await heedsStop(engine, container, signal)) === false;
  await engine.restartContainer(container.id, killed ? 0 : grace, signal);
  return { killed };
}

/** Undefined where it cannot be found out. */
async function heedsStop(
  engine: Engine,
  container: ObservedContainer,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const number = signalNumber(container.stopSignal ?? "SIGTERM");
  if (number === undefined) return undefined;
  for (const program of [["cat"], [`${agentFolder}/busybox`, "cat"]]) {
    const status = await readStatus(engine, container.id, program, signal);
    if (status !== undefined) return catches(status, number);
  }
  return undefined;
}

function signalNumber(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  return new Map<string, number>(Object.entries(constants.signals)).get(name.startsWith("SIG") ? name : `SIG${name}`);
}

/** Of a text such as /proc/1/status: whether the process has a handler for the signal (proc(5), `SigCgt`). */
export function catches(status: string, signalNumber: number): boolean | undefined {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/im.exec(status)?.[1];
  return mask === undefined ? undefined : ((BigInt(`0x${mask}`) >> BigInt(signalNumber - 1)) & 1n) === 1n;
}

async function readStatus(
  engine: Engine,
  container: string,
  program: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let text = "";
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString("utf8");
      done();
    },
  });
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    const command = [...program, "/proc/1/status"];
    const code = await engine.exec(container, {
      command,
      env: {},
      user: "0",
      terminal: undefined,
      stdin: undefined,
      stdout,
      stderr,
      signal,
    });
    return code === 0 ? text : undefined;
  } catch (error) {
    signal.throwIfAborted();
    // An image without such a program; one that no longer runs is found out by the restart.
    if (error instanceof EnvctlError) return undefined;
    throw error;
  }
}
