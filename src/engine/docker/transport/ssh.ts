import type { Duplex } from "node:stream";
import { EnvctlError, ExitCode } from "../../../base/errors.ts";
import { ControlFolder } from "./control-folder.ts";
import { ProcessConnection, type ProcessEnd } from "./process-connection.ts";
import {
  connectedLine,
  dialArguments,
  engineArguments,
  forwardArguments,
  plainForwardArguments,
  type Sharing,
  type SshTarget,
} from "./ssh-arguments.ts";
import { sshFailure } from "./ssh-failure.ts";
import { foundNoSsh, outputOf, realHostName, startSsh } from "./ssh-process.ts";
import type { Transport } from "./transport.ts";

/** Milliseconds a process may take to end when asked, before it is killed. */
const patience = 2000;

/** A shared connection: the first pipe to the engine, through which all others go. */
interface Master {
  readonly connection: ProcessConnection;
  readonly socket: string;
}

interface SpawnOptions {
  readonly outlivesUse?: boolean;
  /** True of those that log in to the host, which may have to ask something; all others go through their connection. */
  readonly logsIn?: boolean;
}

/**
 * An engine reached through OpenSSH, so that `~/.ssh/config`, agents, ProxyJump and known_hosts hold. There is one
 * connection to the host; every further pipe is a channel of it, where ssh can share connections.
 */
export class SshTransport implements Transport {
  /** A channel costs a process here, a process there, and some 90 ms. */
  readonly maxConnections = 4;
  readonly patience = 100;
  readonly sameMachine = false;
  readonly plaintext = false;
  #realHost: Promise<string> | undefined;
  readonly #target: SshTarget;
  readonly #where: string;
  readonly #folder: ControlFolder | undefined;
  readonly #running = new Set<ProcessConnection>();
  readonly #forwards = new Map<number, number>();
  #first: ProcessConnection | undefined;
  #master: Master | undefined;
  #closed = false;

  private constructor(target: SshTarget, where: string, folder: ControlFolder | undefined) {
    this.#target = target;
    this.#where = where;
    this.#folder = folder;
  }

  /** With `shared` false, or where ssh cannot share connections, each pipe is a connection of its own. */
  static async open(target: SshTarget, where: string, shared = true): Promise<SshTransport> {
    const folder = shared ? await ControlFolder.share() : undefined;
    const transport = new SshTransport(target, where, folder);
    try {
      transport.#first = transport.#begin();
    } catch (error) {
      await folder?.leave();
      throw error;
    }
    return transport;
  }

  /** Asked of ssh only where somebody wants to know: that is a process of its own. */
  publishedAddress(): Promise<string> {
    this.#realHost ??= realHostName(this.#target).then((name) => name ?? this.#target.host);
    return this.#realHost;
  }

  async connect(signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      if (first.destroyed) throw this.#failure(await first.ended);
      return first;
    }
    if (!this.#master) return this.#begin();
    const sharing = await this.#shared(this.#master);
    signal?.throwIfAborted();
    return this.#spawn(engineArguments(this.#target, sharing));
  }

  async dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    signal?.throwIfAborted();
    const sharing: Sharing = this.#master ? await this.#shared(this.#master) : { role: "none" };
    const refused = (end: ProcessEnd) => this.#dialFailure(address, port, end);
    const logsIn = sharing.role === "none";
    const connection = this.#spawn(dialArguments(this.#target, sharing, address, port), refused, { logsIn });
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
    await this.#folder?.leave();
  }

  /** A connection to the host that needs no other one; the shared one, where connections can be shared. */
  #begin(): ProcessConnection {
    const connection = this.#folder
      ? this.#startMaster(this.#folder).connection
      : this.#spawn(engineArguments(this.#target, { role: "none" }), undefined, { logsIn: true });
    // Nobody may be listening yet when it fails: `connect` tells.
    connection.on("error", () => {});
    return connection;
  }

  #startMaster(folder: ControlFolder): Master {
    const socket = folder.socket();
    const connection = this.#spawn(engineArguments(this.#target, { role: "master", socket }), undefined, {
      outlivesUse: true,
      logsIn: true,
    });
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
    const process = this.#spawn(plainForwardArguments(this.#target, port), undefined, { logsIn: true });
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
    { outlivesUse = false, logsIn = false }: SpawnOptions = {},
  ): ProcessConnection {
    if (this.#closed) throw this.#failure({ exitCode: null, printed: "the connection was closed", cause: undefined });
    const process = startSsh(arguments_, logsIn && this.#target.interactive);
    const connection = new ProcessConnection(process, explain, outlivesUse);
    this.#running.add(connection);
    void connection.ended.then(() => this.#running.delete(connection));
    return connection;
  }

  #failure(end: ProcessEnd): EnvctlError {
    const noSsh = end.cause && "code" in end.cause && end.cause.code === "ENOENT";
    if (noSsh || foundNoSsh(end.exitCode, end.printed)) {
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
    // Which of the two it is, only the shared connection's own process is told.
    if (!/forwarding (?:request )?failed|open failed/i.test(end.printed)) return this.#failure(end);
    return new EnvctlError({
      code: "dial-failed",
      exitCode: ExitCode.failed,
      what: `nothing on the host accepts connections to ${address}:${port}, or its ssh server forbids them`,
      where: this.#where,
    });
  }
}
