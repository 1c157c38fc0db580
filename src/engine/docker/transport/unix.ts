import type { Duplex } from "node:stream";
import { EnvctlError } from "../../../base/errors.ts";
import { openSocket } from "./socket.ts";
import type { Transport } from "./transport.ts";

/** An engine that listens on a Unix socket (or a Windows named pipe) of this machine. */
export class UnixTransport implements Transport {
  readonly maxConnections = 16;
  readonly patience = 0;
  readonly sameMachine = true;
  readonly plaintext = false;
  readonly #path: string;
  readonly #where: string;
  readonly #open = new Set<Duplex>();

  constructor(path: string, where: string) {
    this.#path = path;
    this.#where = where;
  }

  async publishedAddress(): Promise<string> {
    return "127.0.0.1";
  }

  async connect(signal?: AbortSignal): Promise<Duplex> {
    try {
      return this.#track(await openSocket({ path: this.#path }, this.#where, signal));
    } catch (error) {
      if (!(error instanceof EnvctlError) || error.code !== "host-refused") throw error;
      throw new EnvctlError({
        code: "docker-not-running",
        exitCode: error.exitCode,
        what: `no Docker engine answers on ${this.#path}`,
        where: this.#where,
        next: "start it: sudo systemctl start docker",
        cause: error,
      });
    }
  }

  async dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex> {
    return this.#track(await openSocket({ host: address, port }, `${this.#where} ${address}:${port}`, signal));
  }

  async forwardToLoopback(port: number): Promise<number> {
    return port;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
  }

  #track(socket: Duplex): Duplex {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }
}
