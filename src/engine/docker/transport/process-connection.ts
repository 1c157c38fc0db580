import type { ChildProcessByStdio } from "node:child_process";
import { Duplex, type Readable, type Writable } from "node:stream";

/** Characters of standard error that are kept: errors come last. */
const keptErrors = 16_384;

/** How a process ended, and what it had to say. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly printed: string;
  /** The operating system could not start it. */
  readonly cause: Error | undefined;
}

/**
 * A process's standard input and output as one connection. It ends when the process has ended well, and fails with
 * `explain`'s error when it has not.
 */
export class ProcessConnection extends Duplex {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #outlivesUse: boolean;
  /** Resolves when the process is gone, whatever became of it. */
  readonly ended: Promise<ProcessEnd>;
  /** Resolves with the first output on standard output: who talks is connected. */
  readonly spoke: Promise<void>;
  printed = "";

  /** With `outlivesUse`, destroying the connection leaves the process running: others may depend on it. */
  constructor(
    process: ChildProcessByStdio<Writable, Readable, Readable>,
    explain: (end: ProcessEnd) => Error,
    outlivesUse = false,
  ) {
    super({ allowHalfOpen: false });
    this.#process = process;
    this.#outlivesUse = outlivesUse;
    let cause: Error | undefined;
    process.on("error", (error) => {
      cause = error;
    });
    // A write to a process that has gone fails here; why it has gone is told when it ends.
    process.stdin.on("error", () => {});
    process.stderr.setEncoding("utf8");
    process.stderr.on("data", (text: string) => {
      this.printed = (this.printed + text).slice(-keptErrors);
      this.emit("printed");
    });
    this.spoke = new Promise((resolve) => process.stdout.once("data", () => resolve()));
    process.stdout.on("data", (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) process.stdout.pause();
    });
    this.ended = new Promise((resolve) => {
      process.once("close", (exitCode) => {
        const end = { exitCode, printed: this.printed, cause };
        resolve(end);
        if (exitCode !== 0) this.destroy(explain(end));
        else if (!this.destroyed) this.#finish();
      });
    });
  }

  /** Reading nothing makes the end known also to those who keep the connection for later and do not read. */
  #finish(): void {
    this.push(null);
    this.read(0);
  }

  override _read(): void {
    this.#process.stdout.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#process.stdin.write(chunk, encoding, () => done());
  }

  override _final(done: () => void): void {
    const { stdin } = this.#process;
    // Node destroys the input of a process that has ended, and never calls back whoever ends it after that: this
    // connection would stay open without a process, and be taken for a good one by the next request.
    if (this.#outlivesUse || stdin.destroyed) done();
    else this.#process.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#outlivesUse) this.#process.stdout.resume();
    else this.terminate();
    done(error);
  }

  /** Ends the process politely. */
  terminate(): void {
    this.#process.stdin.destroy();
    this.#process.kill("SIGTERM");
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** node:http sets these on every connection it keeps; a pipe has none of them. */
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  /** An idle connection must not keep this program from ending. */
  ref(): this {
    this.#process.ref();
    for (const pipe of this.#pipes()) pipe.ref();
    return this;
  }

  unref(): this {
    this.#process.unref();
    for (const pipe of this.#pipes()) pipe.unref();
    return this;
  }

  /** Pipes to a process are sockets, which the types of node:child_process do not tell. */
  #pipes(): { ref(): unknown; unref(): unknown }[] {
    return [this.#process.stdin, this.#process.stdout, this.#process.stderr].filter(
      (pipe): pipe is typeof pipe & { ref(): unknown; unref(): unknown } => "ref" in pipe && "unref" in pipe,
    );
  }
}
