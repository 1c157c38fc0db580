import type { Environment, Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { DevListener } from "./dev-event.ts";
import { PortForwards } from "./port-forwards.ts";
import { ReloadEndpoint } from "./reload-endpoint.ts";

/** What the loop offers on the developer's own machine: the host's ports, and the endpoint for browsers. */
export class DevOutside {
  readonly #workspace: Workspace;
  readonly #listener: DevListener;
  #forwards: PortForwards | undefined;
  #endpoint: ReloadEndpoint | undefined;

  constructor(workspace: Workspace, listener: DevListener) {
    this.#workspace = workspace;
    this.#listener = listener;
  }

  /** Opens, moves or closes the endpoint, as the settings have it. Throws `port-taken`: then it is where it was. */
  async openReload({ dev }: Environment): Promise<void> {
    const former = this.#endpoint;
    if (former?.port === dev.reload?.port) return;
    this.#endpoint = dev.reload && (await ReloadEndpoint.open(dev.reload.port));
    await former?.close();
    if (!dev.reload) return;
    this.#listener({ type: "note", text: `browsers are told to reload at http://127.0.0.1:${dev.reload.port}/events` });
  }

  reload(files: readonly string[], release: string): void {
    this.#endpoint?.tell(files, release);
  }

  /** The ports that the stage publishes on a host behind SSH lead there from this machine. */
  async forward(environment: Environment, stage: Stage): Promise<void> {
    const host = stage.hosts[0];
    if (host?.kind !== "ssh") return;
    const engine = await this.#workspace.connections.engine(host, this.#workspace.signal);
    this.#forwards ??= new PortForwards(engine);
    const ports = [...stage.ports, ...environment.dev.ports];
    for (const { port, problem } of await this.#forwards.set(ports)) {
      this.#listener({ type: "forwarded", host: host.name, port, problem });
    }
  }

  /** Where a browser on this machine finds the app; undefined where nothing of it is published. */
  url(stage: Stage): string | undefined {
    const { proxy, hosts, ports } = stage;
    const domain = proxy?.domains[0];
    if (proxy && domain !== undefined) {
      const secure = proxy.tls.kind !== "off";
      const port = secure ? proxy.httpsPort : proxy.httpPort;
      const usual = port === (secure ? 443 : 80);
      return `${secure ? "https" : "http"}://${domain}${usual ? "" : `:${port}`}/`;
    }
    const binding = ports.find(({ protocol }) => protocol === "tcp");
    if (!binding) return undefined;
    const host = hosts[0];
    const name = host?.kind === "tcp" ? host.host : "localhost";
    return `http://${name}:${binding.hostPort}/`;
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#forwards?.close(), this.#endpoint?.close()]);
  }
}
