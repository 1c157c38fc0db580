import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type ProxyDriver, proxyFolder, type Site } from "../../src/proxy/proxy.ts";

/** The app that runs as an upstream. */
const fixture = fileURLToPath(new URL("./fixtures/upstream.mjs", import.meta.url));

/** The app whose clients are those of `test/rollout/load.ts`. */
const watched = fileURLToPath(new URL("../rollout/fixtures/app", import.meta.url));

/** A network on an engine with one proxy container in it, and upstreams beside it. Disposing removes all of it. */
export class ProxyLab implements AsyncDisposable {
  readonly network = `proxy-${randomUUID().slice(0, 8)}`;
  readonly #socket: string;
  readonly #driver: ProxyDriver;
  readonly #folder: string;
  #proxy = "";
  readonly #containers: string[] = [];
  #revision = 0;

  static async start(socket: string, driver: ProxyDriver, sites: readonly Site[] = []): Promise<ProxyLab> {
    const lab = new ProxyLab(socket, driver, await mkdtemp(join(tmpdir(), "envctl-proxy-")));
    try {
      await lab.#start(sites);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(socket: string, driver: ProxyDriver, folder: string) {
    this.#socket = socket;
    this.#driver = driver;
    this.#folder = folder;
  }

  async #start(sites: readonly Site[]): Promise<void> {
    await mkdir(join(this.#folder, "certificates"));
    await writeFile(this.path(this.#driver.file), this.#driver.render(sites, "0"));
    await this.docker("network", "create", this.network);
    // The same network again, but with a subnet that was asked for: only there can containers choose an address.
    const subnet = await this.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", this.network);
    await this.docker("network", "rm", this.network);
    await this.docker("network", "create", "--subnet", subnet, this.network);
    this.#proxy = await this.run("proxy", this.#driver.image, this.#driver.command, [
      // Some images would run as another user, who could not read the keys.
      "--user",
      "0",
      "-v",
      `${this.#folder}:${proxyFolder}`,
      ...Object.keys(this.#driver.volumes).flatMap((path) => ["-v", path]),
      ...Object.entries(this.#driver.sysctls ?? {}).flatMap(([name, value]) => ["--sysctl", `${name}=${value}`]),
    ]);
    await this.untilLive("0");
  }

  async docker(...args: string[]): Promise<string> {
    return (await execa("docker", ["-H", `unix://${this.#socket}`, ...args])).stdout;
  }

  /** Where a file of the proxy's folder is on this machine. */
  path(inside: string): string {
    return inside.replace(proxyFolder, this.#folder);
  }

  get proxy(): string {
    return this.#proxy;
  }

  async run(name: string, image: string, command: readonly string[], options: readonly string[] = []): Promise<string> {
    const placed = ["--network", this.network, "--network-alias", name, "--stop-timeout", "1"];
    const id = await this.docker("run", "-d", ...placed, ...options, image, ...command);
    this.#containers.push(id);
    return id;
  }

  /** Starts an app that answers with its name at `name:3000`, and waits until it does. */
  async upstream(name: string, ...options: string[]): Promise<string> {
    const mounted = ["-v", `${fixture}:/upstream.mjs:ro`, "-e", `NAME=${name}`, ...options];
    const id = await this.run(name, "node:20-slim", ["node", "/upstream.mjs"], mounted);
    const address = await this.address(id);
    await until(name, async () => (await fetch(`http://${address}:3000`)).ok);
    return id;
  }

  /** Starts the app that a load asks at `name:3000`; its release is its name. */
  async app(name: string): Promise<string> {
    const release = join(this.#folder, `${name}.txt`);
    await writeFile(release, name);
    const mounted = ["-v", `${watched}:/app:ro`, "-v", `${release}:/app/release.txt:ro`, "-e", "PORT=3000"];
    const id = await this.run(name, "node:20-slim", ["node", "/app/server.mjs"], mounted);
    const address = await this.address(id);
    await until(name, async () => (await fetch(`http://${address}:3000/healthz`)).ok);
    return id;
  }

  async address(container = this.#proxy): Promise<string> {
    const format = `{{(index .NetworkSettings.Networks "${this.network}").IPAddress}}`;
    return await this.docker("inspect", "-f", format, container);
  }

  /** Makes the sites live as a rollout does. Rejects with what the proxy says if it will not have them. */
  async serve(sites: readonly Site[]): Promise<void> {
    this.#revision += 1;
    await this.activate(this.#driver.render(sites, String(this.#revision)));
    await this.untilLive(String(this.#revision));
  }

  async activate(configuration: string): Promise<void> {
    await writeFile(this.path(this.#driver.nextFile), configuration);
    await this.docker("exec", this.#proxy, ...activateAlone(this.#driver));
  }

  async untilLive(revision: string): Promise<void> {
    const address = await this.address();
    await until(`revision ${revision}`, async () => {
      const answer = await fetch(`http://${address}:9101/revision`);
      return answer.status === 200 && (await answer.text()) === revision;
    }).catch(async (error: unknown) => {
      throw new Error(await this.docker("logs", this.#proxy), { cause: error });
    });
  }

  /** Lines that the proxy wrote on its standard output. */
  async lines(): Promise<string[]> {
    const { stdout } = await execa("docker", ["-H", `unix://${this.#socket}`, "logs", this.#proxy]);
    return stdout.split("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#containers.length > 0) await this.docker("rm", "-f", "-v", ...this.#containers);
    await this.docker("network", "rm", this.network).catch(() => {});
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Asks until the answer is yes; an error is a no. Rejects after ten seconds. */
async function until(what: string, answer: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await answer().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${what} is not there`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Makes live what is in `nextFile`, as the rollout does that writes it. */
export function activateAlone({ activation }: ProxyDriver): string[] {
  const { prepare, activate, conclude } = activation;
  return ["sh", "-c", `activate() {\n${activate}\n}\n${prepare}\nactivate\ncode=$?\n${conclude}\nexit $code`];
}
