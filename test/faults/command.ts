import { fileURLToPath } from "node:url";
import { execa } from "execa";

const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));
/** Milliseconds after which a command that does not end is killed: that is a failure too. */
const patience = 240_000;

export interface Ended {
  /** Null after a signal. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** `performance.now()` at the moment of the fault; undefined where the step never came. */
  readonly struck: number | undefined;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** `+26h`: run under faketime(1), which leaves monotonic time alone. */
  readonly clock?: string | undefined;
  /** When a line of its progress matches, the command is stopped (SIGSTOP), `strike` runs, and it goes on. */
  readonly moment?: RegExp | undefined;
  /** Milliseconds after that line. */
  readonly late?: number;
  readonly strike?: (kill: (signal: NodeJS.Signals) => void) => Promise<void>;
}

/** Runs envctl to its end, and lets a fault happen at the beginning of a step: not a moment later, however quick the step. */
export async function runEnvctl(args: readonly string[], options: CommandOptions): Promise<Ended> {
  const { clock, moment, late = 0, strike } = options;
  const faked = clock === undefined ? {} : fakedTime(clock);
  const child = execa(process.execPath, [cli, ...args], {
    cwd: options.cwd,
    env: { ...options.env, ...faked, NO_COLOR: "1" },
    reject: false,
    stdin: "ignore",
    timeout: patience,
    killSignal: "SIGKILL",
  });
  let seen = "";
  let struck: number | undefined;
  let striking: Promise<void> | undefined;
  const hit = async () => {
    if (late > 0) await new Promise((resolve) => setTimeout(resolve, late));
    child.kill("SIGSTOP");
    struck = performance.now();
    try {
      await strike?.((signal) => void child.kill(signal));
    } finally {
      child.kill("SIGCONT");
    }
  };
  child.stderr.on("data", (chunk: Buffer) => {
    seen += chunk.toString("utf8");
    if (!striking && moment?.test(seen)) striking = hit();
  });
  const { exitCode, stdout, stderr } = await child;
  await striking;
  return { exitCode: exitCode ?? null, stdout, stderr, struck };
}

/** What faketime(1) sets, without its shell: the clock of every program that asks the C library. */
function fakedTime(offset: string): Record<string, string> {
  return {
    LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1",
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
}
