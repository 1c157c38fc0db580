import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

/** Milliseconds a program may take to end when asked, before it is killed. */
const endingGrace = 5_000;
/** Milliseconds until all that an ended program has written is read. */
const readingGrace = 2_000;
/** Lines that are kept as evidence. */
const keptLines = 40;

/** A program of the project's own, run on this machine. */
export interface LocalProgram {
  readonly file: string;
  readonly arguments?: readonly string[];
  readonly directory: string;
  /** Its whole environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly output: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface ProgramEnd {
  /** Undefined where it ended well; else how it did not: `exited with code 3`. */
  readonly failure: string | undefined;
  readonly lastLines: readonly string[];
}

/**
 * Runs a program in a process group of its own, and resolves once the whole group has ended: what a program leaves behind
 * is ended too, but a daemon that has a group of its own. When the signal aborts, all of it is asked to end (SIGTERM), then killed.
 */
export async function runLocalProgram(program: LocalProgram): Promise<ProgramEnd> {
  program.signal.throwIfAborted();
  const child = spawn(program.file, program.arguments ?? [], {
    cwd: program.directory,
    env: program.variables,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const lastLines: string[] = [];
  const take = (line: string) => {
    program.output(line);
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
  };
  const read = Promise.all([readLines(child.stdout, take), readLines(child.stderr, take)]);
  const killGroup = () => signalGroup(child.pid, "SIGKILL");
  // A command that leaves at once (the second Ctrl-C) has no time for politeness.
  process.once("exit", killGroup);
  const abort = () => void endGroup(child.pid);
  program.signal.addEventListener("abort", abort, { once: true });
  try {
    const failure = await new Promise<string | undefined>((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("exit", (code, signal) => resolve(code === 0 ? undefined : howItEnded(code, signal)));
    });
    await endGroup(child.pid);
    // A daemon has left the group, as `ssh -f` does, and may hold the output open for as long as it runs.
    await Promise.race([read, wait(readingGrace, undefined, { ref: false })]);
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
    return { failure, lastLines };
  } finally {
    program.signal.removeEventListener("abort", abort);
    process.off("exit", killGroup);
  }
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
}

async function readLines(stream: Readable, take: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) take(line);
}

/** Ends what is left of a process group, and returns when nothing is. */
async function endGroup(group: number | undefined): Promise<void> {
  if (!signalGroup(group, "SIGTERM")) return;
  const deadline = performance.now() + endingGrace;
  while (signalGroup(group, 0)) {
    if (performance.now() > deadline) {
      signalGroup(group, "SIGKILL");
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** False where no process of the group is left. */
function signalGroup(group: number | undefined, signal: NodeJS.Signals | 0): boolean {
  if (group === undefined) return false;
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
