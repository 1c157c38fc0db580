import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** The Engine API with nothing around it, by one kept-alive connection. */
export class BareEngine {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Rejects where the engine says no. */
  call<Body>(method: string, path: string, body?: object | Buffer): Promise<Body> {
    const sent = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const type = Buffer.isBuffer(body) ? "application/x-tar" : "application/json";
    const headers = sent === undefined ? {} : { "Content-Type": type, "Content-Length": sent.length };
    return new Promise((resolve, reject) => {
      const asked = request(
        { socketPath: this.#socket, agent: this.#agent, method, path: `/v1.41${path}`, headers },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          response.on("end", () => {
            if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${text}`));
            else
              resolve(
                (text.startsWith("{") && !path.startsWith("/images/create") ? JSON.parse(text) : undefined) as Body,
              );
          });
        },
      );
      asked.on("error", reject);
      asked.end(sent);
    });
  }

  /** Runs a command in a container to its end. Rejects where it fails. */
  async exec(container: string, command: readonly string[]): Promise<void> {
    const { Id } = await this.call<{ Id: string }>("POST", `/containers/${container}/exec`, { Cmd: command });
    await this.call("POST", `/exec/${Id}/start`, { Detach: true });
    for (;;) {
      const { Running, ExitCode } = await this.call<{ Running: boolean; ExitCode: number | null }>(
        "GET",
        `/exec/${Id}/json`,
      );
      if (!Running && ExitCode === 0) return;
      if (!Running) throw new Error(`${command[0]} ended with ${ExitCode}`);
      await wait(2);
    }
  }

  async address(container: string, network: string): Promise<string> {
    interface Inspected {
      readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
    }
    const { NetworkSettings } = await this.call<Inspected>("GET", `/containers/${container}/json`);
    return NetworkSettings.Networks[network]?.IPAddress ?? "";
  }

  close(): void {
    this.#agent.destroy();
  }
}
