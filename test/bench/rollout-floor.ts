import { setTimeout as wait } from "node:timers/promises";
import { packTar } from "modern-tar";
import { caddy } from "../../src/proxy/caddy.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { turnFile, turnFolder } from "../../src/proxy/turn.ts";
import type { LabHost } from "../lab/lab.ts";
import { BareEngine } from "./bare-engine.ts";
import { answers } from "./gap.ts";
import { openTunnel } from "./ssh-tunnel.ts";

const name = "bench-floor";

/** The first of a few that containers publish in turn. */
const firstPort = 18_590;

interface Way {
  /** Leads to the engine's socket. */
  readonly open: () => Promise<{ readonly socket: string; close(): Promise<void> }>;
  /** Where containers are asked, by a port that they publish; undefined where they can be asked themselves. */
  readonly ip: string | undefined;
}

/** What a rollout cannot do without, by bare calls to an engine, on a proxy and a network of its own. */
export class RolloutFloor {
  readonly #way: Way;
  #count = 0;

  private constructor(way: Way) {
    this.#way = way;
  }

  /** On this machine. */
  static local(socket: string): Promise<RolloutFloor> {
    return RolloutFloor.#start({ open: async () => ({ socket, close: async () => {} }), ip: undefined });
  }

  /** On a host that is reached by SSH. Each run logs in, as each command has to. */
  static overSsh(configFile: string, host: LabHost): Promise<RolloutFloor> {
    return RolloutFloor.#start({ open: () => openTunnel(configFile, host), ip: host.ip });
  }

  static async #start(way: Way): Promise<RolloutFloor> {
    const floor = new RolloutFloor(way);
    await floor.#connected(async (engine) => {
      await removeAll(engine);
      const [repository, tag] = caddy.image.split(":");
      await engine.call("POST", `/images/create?fromImage=${repository}&tag=${tag}`);
      await engine.call("POST", "/networks/create", { Name: name });
      await engine.call("POST", `/containers/create?name=${name}-proxy`, {
        Image: caddy.image,
        Cmd: caddy.command,
        Volumes: { "/envctl": {} },
        HostConfig: { NetworkMode: name },
      });
      await write(engine, caddy.file, caddy.render([siteFor("nobody")], "0"));
      await engine.call("POST", `/containers/${name}-proxy/start`);
    });
    return floor;
  }

  /**
   * Container create, start and first 200; then, where asked for, the switch of the proxy, by a new configuration or by a file
   * (`turned`), and the stop of one that ran before. Milliseconds, with the connection.
   */
  async run(image: string, to: "started" | "switched" | "turned" | "replaced"): Promise<number> {
    const old = to === "replaced" ? await this.#connected((engine) => this.#create(engine, image)) : undefined;
    const begun = performance.now();
    return await this.#connected(async (engine) => {
      const container = await this.#create(engine, image);
      if (to === "turned") {
        const folder = turnFolder(siteFor(container));
        const script = 'mkdir -p "$0"; rm -f "$0"/*; : >"$0/$1"';
        await engine.exec(`${name}-proxy`, ["sh", "-c", script, folder, turnFile({ release: "1", base: container })]);
      } else if (to !== "started") {
        await write(engine, caddy.nextFile, caddy.render([siteFor(container)], String(this.#count)));
        const address = `unix//run/caddy-admin.sock`;
        await engine.exec(`${name}-proxy`, ["caddy", "reload", "--config", caddy.nextFile, "--address", address]);
      }
      if (old) await engine.call("POST", `/containers/${old}/stop`);
      const took = performance.now() - begun;
      for (const left of [container, old]) if (left) await engine.call("DELETE", `/containers/${left}?force=1`);
      return took;
    });
  }

  /** Resolves with its name once it answers. */
  async #create(engine: BareEngine, image: string): Promise<string> {
    this.#count += 1;
    const container = `${name}-${this.#count}`;
    const { ip } = this.#way;
    const port = firstPort + (this.#count % 4);
    const PortBindings = ip === undefined ? {} : { "8080/tcp": [{ HostPort: String(port) }] };
    await engine.call("POST", `/containers/create?name=${container}`, {
      Image: image,
      HostConfig: { NetworkMode: name, PortBindings },
    });
    await engine.call("POST", `/containers/${container}/start`);
    const place = ip === undefined ? `${await engine.address(container, name)}:8080` : `${ip}:${port}`;
    while (!(await answers(`http://${place}/healthz`))) await wait(2);
    return container;
  }

  async close(): Promise<void> {
    await this.#connected(removeAll);
  }

  async #connected<Result>(work: (engine: BareEngine) => Promise<Result>): Promise<Result> {
    const { socket, close } = await this.#way.open();
    const engine = new BareEngine(socket);
    try {
      return await work(engine);
    } finally {
      engine.close();
      await close();
    }
  }
}

async function write(engine: BareEngine, path: string, content: string): Promise<void> {
  const body = Buffer.from(content);
  const file = { name: path.slice("/envctl/".length), size: body.length, mode: 0o600, type: "file" } as const;
  const tar = Buffer.from(await packTar([{ header: file, body }]));
  await engine.call("PUT", `/containers/${name}-proxy/archive?path=/envctl`, tar);
}

async function removeAll(engine: BareEngine): Promise<void> {
  await engine.call("DELETE", `/containers/${name}-proxy?force=1&v=1`).catch(() => {});
  await engine.call("DELETE", `/networks/${name}`).catch(() => {});
}

function siteFor(container: string): Site {
  return {
    ...{ id: "floor", environment: "bench", stage: "floor", release: "1", domains: [], path: "/", stripPath: false },
    ...{ ports: [8000], tls: { kind: "off" }, httpsPort: 443, upstreams: [{ name: container, port: 8080 }] },
    ...{ canary: undefined, maintenance: false, maintenancePage: undefined, errorPage: undefined, maxBody: undefined },
    ...{ responseTimeout: 60_000, drain: 30_000, accessLog: true, turns: 1 },
  };
}
