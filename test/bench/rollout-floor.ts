import { setTimeout as wait } from "node:timers/promises";
import { packTar } from "modern-tar";
import { caddy } from "../../src/proxy/caddy.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { BareEngine } from "./bare-engine.ts";
import { answers } from "./gap.ts";

const name = "bench-floor";

/** What a rollout cannot do without, by bare calls to an engine on this machine, on a proxy and a network of its own. */
export class RolloutFloor {
  readonly #engine: BareEngine;
  #count = 0;

  private constructor(engine: BareEngine) {
    this.#engine = engine;
  }

  static async start(socket: string): Promise<RolloutFloor> {
    const floor = new RolloutFloor(new BareEngine(socket));
    await floor.#remove();
    const [repository, tag] = caddy.image.split(":");
    await floor.#engine.call("POST", `/images/create?fromImage=${repository}&tag=${tag}`);
    await floor.#engine.call("POST", "/networks/create", { Name: name });
    await floor.#engine.call("POST", `/containers/create?name=${name}-proxy`, {
      Image: caddy.image,
      Cmd: caddy.command,
      Volumes: { "/envctl": {} },
      HostConfig: { NetworkMode: name },
    });
    await floor.#write(caddy.file, caddy.render([], "0"));
    await floor.#engine.call("POST", `/containers/${name}-proxy/start`);
    return floor;
  }

  /**
   * Container create, start and first 200; then, where asked for, the switch of the proxy, and the stop of one that ran
   * before. Milliseconds.
   */
  async run(image: string, to: "started" | "switched" | "replaced"): Promise<number> {
    const engine = this.#engine;
    const old = to === "replaced" ? await this.#create(image) : undefined;
    const begun = performance.now();
    const container = await this.#create(image);
    if (to !== "started") {
      await this.#write(caddy.nextFile, caddy.render([siteFor(container)], String(this.#count)));
      const address = `unix//run/caddy-admin.sock`;
      await engine.exec(`${name}-proxy`, ["caddy", "reload", "--config", caddy.nextFile, "--address", address]);
    }
    if (old) await engine.call("POST", `/containers/${old}/stop`);
    const took = performance.now() - begun;
    for (const left of [container, old]) if (left) await engine.call("DELETE", `/containers/${left}?force=1`);
    return took;
  }

  /** Resolves with its name once it answers. */
  async #create(image: string): Promise<string> {
    this.#count += 1;
    const container = `${name}-${this.#count}`;
    const engine = this.#engine;
    await engine.call("POST", `/containers/create?name=${container}`, {
      Image: image,
      HostConfig: { NetworkMode: name },
    });
    await engine.call("POST", `/containers/${container}/start`);
    const url = `http://${await engine.address(container, name)}:8080/healthz`;
    while (!(await answers(url))) await wait(2);
    return container;
  }

  async close(): Promise<void> {
    await this.#remove();
    this.#engine.close();
  }

  async #write(path: string, content: string): Promise<void> {
    const body = Buffer.from(content);
    const file = { name: path.slice("/envctl/".length), size: body.length, mode: 0o600, type: "file" } as const;
    const tar = Buffer.from(await packTar([{ header: file, body }]));
    await this.#engine.call("PUT", `/containers/${name}-proxy/archive?path=/envctl`, tar);
  }

  async #remove(): Promise<void> {
    await this.#engine.call("DELETE", `/containers/${name}-proxy?force=1&v=1`).catch(() => {});
    await this.#engine.call("DELETE", `/networks/${name}`).catch(() => {});
  }
}

function siteFor(container: string): Site {
  return {
    ...{ id: "floor", environment: "bench", stage: "floor", release: "1", domains: [], path: "/", stripPath: false },
    ...{ ports: [8000], tls: { kind: "off" }, httpsPort: 443, upstreams: [{ name: container, port: 8080 }] },
    ...{ canary: undefined, maintenance: false, maintenancePage: undefined, errorPage: undefined, maxBody: undefined },
    ...{ responseTimeout: 60_000, drain: 30_000, accessLog: true },
  };
}
