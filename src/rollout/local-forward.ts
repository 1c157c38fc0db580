import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Opens the far end of a connection; undefined where there is no way. */
export type Dial = (signal: AbortSignal) => Promise<Duplex | undefined>;

/** A port of this machine's loopback that leads elsewhere, for as long as it is open. */
export class LocalForward {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();

  private constructor(dial: Dial) {
    this.#server = createServer((socket) => void this.#lead(socket, dial));
  }

  /** On this port, or on any that is free (0). Rejects as the system does where the port is taken. */
  static async open(port: number, dial: Dial): Promise<LocalForward> {
    const forward = new LocalForward(dial);
    await new Promise<void>((resolve, reject) => {
      forward.#server.once("error", reject);
      forward.#server.listen(port, "127.0.0.1", resolve);
    });
    return forward;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Takes no more connections; those that there are go on. */
  stop(): void {
    this.#server.close();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #lead(socket: Socket, dial: Dial): Promise<void> {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    socket.pause();
    try {
      const remote = await dial(this.#closing.signal);
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
