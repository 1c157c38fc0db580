import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a registry that can be shut: then its connections break off, and new ones are refused. */
export class RegistryGate {
  readonly host: string;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(host: string, target: string) {
    this.host = host;
    const [name = "", port = ""] = target.split(":");
    this.#target = { host: name, port: Number(port) };
  }

  /** Listens on the registry's own address, where the lab's hosts reach it and may speak plain HTTP. */
  static async open(target: string): Promise<RegistryGate> {
    const [name = ""] = target.split(":");
    const probe = createServer().listen(0, name);
    await once(probe, "listening");
    const address = probe.address();
    probe.close();
    await once(probe, "close");
    if (address === null || typeof address === "string") throw new Error("no port for the registry's gate");
    const gate = new RegistryGate(`${name}:${address.port}`, target);
    await gate.open();
    return gate;
  }

  async open(): Promise<void> {
    if (this.#server) return;
    const server = createServer((socket) => this.#join(socket));
    const [name = "", port = ""] = this.host.split(":");
    server.listen(Number(port), name);
    await once(server, "listening");
    this.#server = server;
  }

  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (!server) return;
    server.close();
    await once(server, "close");
  }

  #join(socket: Socket): void {
    const other = connect(this.#target);
    for (const [one, another] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => another.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        another.destroy();
      });
      one.pipe(another);
    }
  }
}
