import { createServer, type Server, type Socket } from "node:net";
import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { PortBinding } from "../environment/model.ts";

/** What became of one port. */
export interface Forwarded {
  readonly port: number;
  /** Why it does not lead to the host; undefined where it does. */
  readonly problem: string | undefined;
}

/** Ports of a host on this machine's loopback, for as long as the loop runs. */
export class PortForwards {
  readonly #engine: Engine;
  readonly #servers = new Map<number, Server>();
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Opens what is missing, closes what is no longer named; tells only of the former. */
  async set(bindings: readonly PortBinding[]): Promise<readonly Forwarded[]> {
    const wanted = new Map(bindings.filter(({ protocol }) => protocol === "tcp").map((one) => [one.hostPort, one]));
    for (const [port, server] of this.#servers) {
      if (wanted.has(port)) continue;
      server.close();
      this.#servers.delete(port);
    }
    const missing = [...wanted.values()].filter(({ hostPort }) => !this.#servers.has(hostPort));
    return await Promise.all(missing.map((binding) => this.#open(binding)));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #open({ hostPort, address }: PortBinding): Promise<Forwarded> {
    const anywhere = address === undefined || address === "0.0.0.0" || address === "::";
    const server = createServer((socket) => void this.#lead(socket, anywhere ? "127.0.0.1" : address, hostPort));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(hostPort, "127.0.0.1", resolve);
      });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      const what = code === "EADDRINUSE" ? "another program on this machine has it" : messageOf(error);
      return { port: hostPort, problem: `${what}: end that, or publish the app on another port under \`ports\`` };
    }
    this.#servers.set(hostPort, server);
    return { port: hostPort, problem: undefined };
  }

  async #lead(socket: Socket, address: string, port: number): Promise<void> {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.pause();
    try {
      const remote = await this.#engine.dial(address, port, this.#closing.signal);
      if (!remote || socket.destroyed) {
        remote?.destroy();
        socket.destroy();
        return;
      }
      remote.on("error", () => socket.destroy());
      remote.on("close", () => socket.destroy());
      socket.on("close", () => remote.destroy());
      socket.pipe(remote);
      remote.pipe(socket);
    } catch {
      // Nothing listens there, or the host is away: to whoever connects it is a connection that is reset.
      socket.resetAndDestroy();
    }
  }
}
