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

/** Runs a command in a running container, on `input`, to its end and returns what it said. Throws `output-too-large`. */
export async function capture(
  engine: Engine,
  id: string,
  command: readonly string[],
  signal?: AbortSignal,
  input?: string | Readable,
): Promise<Captured> {
  const stdout = new Tail(outputLimit);
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
  #kept = Buffer.alloc(0);

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const all = Buffer.concat([this.#kept, chunk]);
    this.wasCut ||= all.length > this.#limit;
    this.#kept = all.subarray(-this.#limit);
    done();
  }

  text(): string {
    return this.#kept.toString("utf8");
  }
}
