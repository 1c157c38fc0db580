import { Readable, Writable } from "node:stream";
import { formatBytes } from "../base/bytes.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Engine } from "./engine.ts";

/** What a command in a container answered. */
export interface Captured {
  readonly exitCode: number;
  readonly stdout: string;
  /** Its end, where it is long: errors come last. */
  readonly stderr: string;
}

/** Bytes of standard output that are taken. */
const outputLimit = 1024 * 1024;
/** Bytes of standard error that are kept. */
const errorLimit = 64 * 1024;

/**
 * What a command prints, a line of its own, that has done all that is waited for. An engine tells some hundredths of a
 * second late that a command has ended.
 */
export const doneLine = "envctl: done";

/** Runs a command in a running container, on `input`, to its end and returns what it said. Throws `output-too-large`. */
export async function capture(
  engine: Engine,
  id: string,
  command: readonly string[],
  signal?: AbortSignal,
  input?: string | Readable,
): Promise<Captured> {
  return await run(engine, id, command, { signal, input });
}

/** As `capture`, but at its end as well is a command that has printed `doneLine`: it succeeded then. */
export async function captureUntilDone(
  engine: Engine,
  id: string,
  command: readonly string[],
  signal: AbortSignal,
  input?: string | Readable,
): Promise<Captured> {
  const listening = new AbortController();
  const until = AbortSignal.any([signal, listening.signal]);
  try {
    return await new Promise((resolve, reject) => {
      const onStdout = (stdout: string) => {
        if (stdout.endsWith(`${doneLine}\n`)) resolve({ exitCode: 0, stdout, stderr: "" });
      };
      run(engine, id, command, { signal: until, input, onStdout }).then(resolve, reject);
    });
  } finally {
    listening.abort(new Error("the command is done"));
  }
}

interface RunOptions {
  readonly signal: AbortSignal | undefined;
  readonly input: string | Readable | undefined;
  /** Is told all of what is kept of it, each time that more comes. */
  readonly onStdout?: (all: string) => void;
}

async function run(
  engine: Engine,
  id: string,
  command: readonly string[],
  { signal, input, onStdout }: RunOptions,
): Promise<Captured> {
  const stdout = new Tail(outputLimit, onStdout);
  const stderr = new Tail(errorLimit);
  const stdin = typeof input === "string" ? Readable.from([Buffer.from(input)]) : input;
  const options = { env: {}, user: undefined, terminal: undefined, stdin };
  const exitCode = await engine.exec(id, { command, ...options, stdout, stderr, signal });
  if (stdout.wasCut) {
    throw new EnvctlError({
      code: "output-too-large",
      exitCode: ExitCode.failed,
      what: `${command[0]} in container ${id} printed more than ${formatBytes(outputLimit)}`,
      where: engine.name,
    });
  }
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

/** Keeps the last bytes that are written to it. */
class Tail extends Writable {
  wasCut = false;
  readonly #limit: number;
  readonly #tell: ((all: string) => void) | undefined;
  #kept = Buffer.alloc(0);

  constructor(limit: number, tell?: (all: string) => void) {
    super();
    this.#limit = limit;
    this.#tell = tell;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const all = Buffer.concat([this.#kept, chunk]);
    this.wasCut ||= all.length > this.#limit;
    this.#kept = all.subarray(-this.#limit);
    this.#tell?.(this.text());
    done();
  }

  text(): string {
    return this.#kept.toString("utf8");
  }
}
