import { spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { EnvctlError, ExitCode } from "../../../base/errors.ts";
import { ControlFolder } from "./control-folder.ts";
import { ProcessConnection, type ProcessEnd } from "./process-connection.ts";
import {
  configurationArguments,
  connectedLine,
  dialArguments,
  engineArguments,
  forwardArguments,
  plainForwardArguments,
  type Sharing,
  type SshTarget,
} from "./ssh-arguments.ts";
import { sshFailure } from "./ssh-failure.ts";
import type { Transport } from "./transport.ts";

/** Milliseconds a process may take to end when asked, before it is killed. */
const patience = 2000;

/** A shared connection: the first pipe to the engine, through which all others go. */
interface Master {
  readonly connection: ProcessConnection;
  readonly socket: string;
}

/**
 * An engine reached through OpenSSH, so that `~/.ssh/config`, agents, ProxyJump and known_hosts hold. There is one
 * connection to the host; every further pipe is a channel of it, where ssh can share connections.
 */
export class SshTransport implements Transport {
  /** A channel costs a process here, a process there, and some 90 ms. */
  readonly maxConnections = 4;
  readonly sameMachine = false;
  readonly plaintext = false;
  readonly publishedAddress: string;
  readonly #target: SshTarget;
  readonly #where: string;
  readonly #folder: ControlFolder | undefined;
  readonly #running = new Set<ProcessConnection>();
  readonly #forwards = new Map<number, number>();
  #master: Master | undefined;
  #closed = false;

  private constructor(target: SshTarget, where: string, folder: ControlFolder | undefined, realHost: string) {
    this.#target = target;
    this.#where = where;
    this.#folder = folder;
    this.publishedAddress = realHost;
  }

  static async open(target: SshTarget, where: string): Promise<SshTransport> {
    const [folder, realHost] = await Promise.all([ControlFolder.make(), realHostName(target)]);
    return new SshTransport(target, where, folder, realHost);
  }

  async connect(signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    if (!this.#folder) return this.#spawn(engineArguments(this.#target, { role: "none" }));
    if (!this.#master) return this.#startMaster(this.#folder).connection;
    const sharing = await this.#shared(this.#master);
    signal?.throwIfAborted();
    return this.#spawn(engineArguments(this.#target, sharing));
  }

  async dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    const sharing: Sharing = this.#master ? await this.#shared(this.#master) : { role: "none" };
    const refused = (end: ProcessEnd) => this.#dialFailure(address, port, end);
    const connection = this.#spawn(dialArguments(this.#target, sharing, address, port), refused);
    if (sharing.role === "none") return connection;
    await new Promise<void>((resolve, reject) => {
      const settle = (finish: () => void) => {
        signal?.removeEventListener("abort", abort);
        connection.off("printed", look);
        connection.off("error", fail);
        finish();
      };
      const fail = (error: Error) => settle(() => reject(error));
      const abort = () => {
        connection.on("error", () => {});
        connection.destroy();
        settle(() => reject(signal?.reason));
      };
      const look = () => {
        if (connectedLine.test(connection.printed)) settle(resolve);
      };
      connection.on("printed", look);
      connection.on("error", fail);
      signal?.addEventListener("abort", abort, { once: true });
    });
    return connection;
  }

  async forwardToLoopback(port: number, signal?: AbortSignal): Promise<number | undefined> {
    const known = this.#forwards.get(port);
    if (known !== undefined) return known;
    const forwarded = await (this.#master ? this.#forward(this.#master, port, signal) : this.#plainForward(port));
    if (forwarded !== undefined) this.#forwards.set(port, forwarded);
    return forwarded;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const running = [...this.#running];
    for (const connection of running) {
      connection.on("error", () => {}); // Ended on purpose.
      connection.terminate();
    }
    const late = setTimeout(() => {
      for (const connection of running) connection.kill();
    }, patience);
    await Promise.all(running.map((connection) => connection.ended));
    clearTimeout(late);
    await this.#folder?.remove();
  }

  #startMaster(folder: ControlFolder): Master {
    const socket = folder.socket();
    const connection = this.#spawn(engineArguments(this.#target, { role: "master", socket }), undefined, true);
    const master = { connection, socket };
    this.#master = master;
    void connection.ended.then(() => {
      if (this.#master !== master) return;
      this.#master = undefined;
      // The ports on the host's loopback went with it.
      this.#forwards.clear();
    });
    return master;
  }

  /** Others can go through the shared connection once it talks to the engine. */
  async #shared(master: Master): Promise<Sharing> {
    const { connection, socket } = master;
    const end = await Promise.race([connection.spoke, connection.ended]);
    if (end) throw this.#failure(end);
    return { role: "client", socket };
  }

  /** The same port number is easiest to recognise; where it is taken the host chooses one. */
  async #forward(master: Master, port: number, signal?: AbortSignal): Promise<number | undefined> {
    const sharing = await this.#shared(master);
    if (sharing.role === "none") return undefined;
    const ask = async (remotePort: number) => {
      const process = this.#spawn(forwardArguments(this.#target, sharing.socket, remotePort, port));
      return await outputOf(process, signal);
    };
    if ((await ask(port)) !== undefined) return port;
    const chosen = Number((await ask(0))?.trim());
    if (Number.isInteger(chosen) && chosen > 0) return chosen;
    if (this.#master !== master) throw this.#failure(await master.connection.ended);
    return undefined; // The host forbids it (AllowTcpForwarding).
  }

  async #plainForward(port: number): Promise<number | undefined> {
    const process = this.#spawn(plainForwardArguments(this.#target, port));
    process.on("error", () => {});
    return await new Promise((resolve) => {
      process.on("printed", () => {
        const allocated = /Allocated port (\d+) for remote forward/.exec(process.printed)?.[1];
        if (allocated !== undefined) resolve(Number(allocated));
      });
      void process.ended.then(() => resolve(undefined));
    });
  }

  #spawn(
    arguments_: readonly string[],
    explain: (end: ProcessEnd) => Error = (end) => this.#failure(end),
    outlivesUse = false,
  ): ProcessConnection {
    if (this.#closed) throw this.#failure({ exitCode: null, printed: "the connection was closed", cause: undefined });
    const process = spawn("ssh", arguments_, {
      stdio: ["pipe", "pipe", "pipe"],
      env: sshVariables(),
      // In a session of its own ssh outlives Ctrl-C, so that envctl can still put things back; it also cannot ask.
      detached: !this.#target.interactive,
    });
    const connection = new ProcessConnection(process, explain, outlivesUse);
    this.#running.add(connection);
    void connection.ended.then(() => this.#running.delete(connection));
    return connection;
  }

  #failure(end: ProcessEnd): EnvctlError {
    if (end.cause && "code" in end.cause && end.cause.code === "ENOENT") {
      return new EnvctlError({
        code: "ssh-missing",
        exitCode: ExitCode.unreachable,
        what: "there is no ssh command on this machine",
        where: this.#where,
        next: "install OpenSSH: sudo apt-get install openssh-client",
      });
    }
    return sshFailure(this.#target, this.#where, end.exitCode, end.printed);
  }

  #dialFailure(address: string, port: number, end: ProcessEnd): EnvctlError {
    const why = /open failed: (?:connect failed: )?(.+)/.exec(end.printed)?.[1];
    if (why === undefined) return this.#failure(end);
    return new EnvctlError({
      code: "dial-failed",
      exitCode: ExitCode.failed,
      what: `the host cannot connect to ${address}:${port}: ${why.trim()}`,
      where: this.#where,
    });
  }
}

/** ssh is told to speak English: its words are read. */
function sshVariables(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C" };
}

/** What an alias of `~/.ssh/config` stands for. */
async function realHostName(target: SshTarget): Promise<string> {
  const process = spawn("ssh", configurationArguments(target), {
    stdio: ["pipe", "pipe", "pipe"],
    env: sshVariables(),
  });
  const connection = new ProcessConnection(process, () => new Error("ssh -G failed"));
  const text = await outputOf(connection);
  return /^hostname (\S+)$/m.exec(text ?? "")?.[1] ?? target.host;
}

/** All that a process prints; undefined where it fails. */
async function outputOf(connection: ProcessConnection, signal?: AbortSignal): Promise<string | undefined> {
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
