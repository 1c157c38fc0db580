import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { agentScript } from "./agent-script.ts";

export interface AgentAnswer {
  readonly ok: boolean;
  /** What it wrote: answers, or complaints of the tools it uses. */
  readonly lines: readonly string[];
}

/** How the agent came to be: or why not. */
export type AgentStart =
  | { readonly kind: "ready"; readonly agent: Agent; readonly mounts: readonly string[] }
  | { readonly kind: "lacks-tools"; readonly what: string }
  | { readonly kind: "read-only" };

interface Waiting {
  readonly lines: string[];
  readonly resolve: (answer: AgentAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One process in a container, and the one stream we speak to it through: a round trip is a hundredth of a request's. */
export class Agent {
  readonly #where: string;
  readonly #token = randomBytes(12).toString("hex");
  readonly #input = new PassThrough({ highWaterMark: 1 << 20 });
  readonly #stop = new AbortController();
  readonly #waiting: Waiting[] = [];
  #partial = "";
  #complaints = "";
  #alive = true;
  #writing: Promise<void> = Promise.resolve();
  readonly #ended: Promise<void>;

  private constructor(engine: Engine, container: string, shell: readonly string[], busybox: string) {
    this.#where = `${engine.name}, container ${container.slice(0, 12)}`;
    const stdout = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#receive(chunk);
        done();
      },
    });
    const stderr = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#complaints = (this.#complaints + chunk.toString("utf8")).slice(-2_000);
        done();
      },
    });
    const command = [...shell, "-c", agentScript, "envctl", busybox];
    this.#ended = engine
      .exec(container, {
        command,
        env: {},
        user: "0",
        terminal: undefined,
        stdin: this.#input,
        stdout,
        stderr,
        signal: this.#stop.signal,
      })
      .then(
        (code) => this.#end(new Error(`it ended with ${code} ${this.#complaints}`.trim())),
        (error: unknown) => this.#end(error instanceof Error ? error : new Error(messageOf(error))),
      );
    this.#input.on("error", () => {});
  }

  /** Starts it in the container's own shell, or with `busybox` (a path in the container) in that. */
  static async start(engine: Engine, container: string, busybox: string | undefined): Promise<AgentStart> {
    const agent = new Agent(engine, container, busybox === undefined ? ["sh"] : [busybox, "sh"], busybox ?? "");
    agent.#input.write(`${agent.#token}\n`);
    const { lines } = await agent.#next();
    const word = lines.at(-1) ?? "";
    if (word === "ready") {
      const mounts = lines.slice(0, -1).flatMap((line) => line.split(" ")[1] ?? []);
      return { kind: "ready", agent, mounts: mounts.map(unescapeMount) };
    }
    await agent.close();
    return word === "read-only"
      ? { kind: "read-only" }
      : { kind: "lacks-tools", what: word.replace(/^lacks /, "").replaceAll(" ", ", ") };
  }

  get alive(): boolean {
    return this.#alive;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Sends one command with its data, and resolves with the answer. Commands may be sent before the answers of earlier
   * ones are there. Throws `sync-lost` where the agent has ended, or ends meanwhile.
   */
  async ask(verb: string, flags: string, data: AgentData): Promise<AgentAnswer> {
    const answer = this.#next();
    // Whoever awaits it below is told; it must not count as unhandled until then.
    answer.catch(() => undefined);
    // One after the other: the pieces of two commands must not mix.
    this.#writing = this.#writing
      .then(() => this.#send(verb, flags, data))
      .catch((error: unknown) => this.#fail(error));
    await this.#writing;
    return await answer;
  }

  /** Resolves when all commands so far were handed to the connection: what is sent faster piles up in memory. */
  get written(): Promise<void> {
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#input.end();
    this.#stop.abort();
    await this.#ended;
  }

  async #send(verb: string, flags: string, data: AgentData): Promise<void> {
    await this.#write(Buffer.from(`${verb} ${data.block} ${data.count} ${flags}\n`));
    for await (const chunk of data.chunks) await this.#write(chunk);
  }

  /** Data that could not be had to its end: what follows would be taken for the rest of it. */
  #fail(error: unknown): void {
    this.#end(error instanceof Error ? error : new Error(messageOf(error)));
    this.#stop.abort();
  }

  #next(): Promise<AgentAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#alive) this.#waiting.push({ lines: [], resolve, reject });
      else reject(this.#lost(new Error("it has ended")));
    });
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (!this.#alive || this.#input.write(chunk)) return;
    const stop = new AbortController();
    try {
      await Promise.race([once(this.#input, "drain", { signal: stop.signal }), this.#ended]);
    } finally {
      stop.abort();
    }
  }

  #receive(chunk: Buffer): void {
    const lines = (this.#partial + chunk.toString("latin1")).split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) {
      const text = Buffer.from(line, "latin1").toString("utf8");
      const current = this.#waiting[0];
      if (!text.startsWith(`${this.#token} `)) {
        current?.lines.push(text);
        continue;
      }
      this.#waiting.shift();
      const word = text.slice(this.#token.length + 1);
      if (!/^\d+$/.test(word)) current?.lines.push(word);
      current?.resolve({ ok: word === "0", lines: current.lines });
    }
  }

  #end(cause: Error): void {
    this.#alive = false;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost(cause));
  }

  #lost(cause: Error): EnvctlError {
    return new EnvctlError({
      code: "sync-lost",
      exitCode: ExitCode.failed,
      what: `the process in the container that writes files there has ended: ${cause.message}`,
      where: this.#where,
      state: "what was not acknowledged is sent again",
      cause,
    });
  }
}

/** `block` times `count` bytes: `dd` reads them in as many pieces. */
export interface AgentData {
  readonly block: number;
  readonly count: number;
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Data that is all there. */
export function wholeData(data: Uint8Array): AgentData {
  return { block: data.length, count: 1, chunks: [data] };
}

/** The kernel writes spaces and the like as three octal digits. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
