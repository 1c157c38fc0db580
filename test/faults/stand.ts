import { cpSync, existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import type { Lab, LabHost } from "../lab/lab.ts";
import { type CommandOptions, type Ended, runEnvctl } from "./command.ts";
import { stateOf } from "./end-state.ts";
import { askEngine } from "./engine.ts";
import { RegistryGate } from "./registry-gate.ts";

/** How a release behaves in prod; `good-1` to `good-3` do as they should. */
export type Behaviour =
  | `good-${1 | 2 | 3}`
  | "unhealthy"
  | "exits"
  | "hangs-on-term"
  | "slow-start"
  | "failing-before"
  | "failing-after";

export interface Release {
  readonly behaviour: Behaviour;
  readonly name: string;
  readonly digest: string;
}

const port = 18_620;
/** Bytes of a host's disk: enough for a proxy, some small releases, and little else. */
const disk = "256m";

/** Two hosts whose disks can be filled, a registry that can be shut, and releases that behave well or badly. */
export class Stand {
  readonly name = "faulty";
  readonly hosts: readonly [LabHost, LabHost];
  readonly gate: RegistryGate;
  readonly lab: Lab;
  readonly #folder: string;
  readonly #env: Record<string, string>;
  readonly #releases = new Map<Behaviour, Release>();
  #build: Promise<unknown> = Promise.resolve();

  private constructor(lab: Lab, hosts: readonly [LabHost, LabHost], gate: RegistryGate) {
    this.lab = lab;
    this.hosts = hosts;
    this.gate = gate;
    this.#folder = mkdtempSync(join(tmpdir(), "envctl-faults-"));
    this.#env = {
      ...lab.env,
      ENVCTL_INSECURE_REGISTRIES: gate.host,
      XDG_CACHE_HOME: join(this.#folder, "cache"),
      XDG_DATA_HOME: join(this.#folder, "data"),
    };
    cpSync(fileURLToPath(new URL("fixtures/app", import.meta.url)), join(this.#folder, "app"), { recursive: true });
  }

  static async raise(lab: Lab): Promise<Stand> {
    await ensureBaseImage("caddy");
    const first = await lab.addHost("fault1", { disk });
    const second = await lab.addHost("fault2", { disk });
    const gate = await RegistryGate.open(lab.registries.open.host);
    const stand = new Stand(lab, [first, second], gate);
    stand.#write("envctl.yaml", stand.#environment());
    return stand;
  }

  async lower(): Promise<void> {
    await this.gate.open();
    await this.run(["down", "dev", "--volumes", "--yes"]);
    await this.gate.shut();
    for (const { name } of this.hosts) await this.lab.removeHost(name);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Where clients reach the app on each host. */
  get bases(): string[] {
    return this.hosts.map(({ ip }) => `http://${ip}:${port}`);
  }

  get publishedPort(): number {
    return port;
  }

  async run(args: readonly string[], more: Omit<CommandOptions, "cwd" | "env"> = {}): Promise<Ended> {
    return await runEnvctl(args, { cwd: join(this.#folder, "app"), env: this.#env, ...more });
  }

  async ok(...args: string[]): Promise<Ended> {
    const result = await this.run(args);
    if (result.exitCode !== 0)
      throw new Error(`envctl ${args.join(" ")} ended with ${result.exitCode}:\n${result.stderr}`);
    return result;
  }

  /** Builds a release, once, and runs it in dev, so that it may be promoted. */
  async release(behaviour: Behaviour): Promise<Release> {
    const known = this.#releases.get(behaviour);
    if (known) return known;
    const building = this.#build.then(async () => {
      this.#write("behaviour", `${behaviour}\n`);
      this.#write("www/index.html", `${behaviour}\n`);
      const { stdout } = await this.ok("up", "dev", "--json");
      const { release } = JSON.parse(stdout) as { release: { name: string; digest: string } };
      return { behaviour, name: release.name, digest: release.digest };
    });
    this.#build = building.catch(() => {});
    const release = await building;
    this.#releases.set(behaviour, release);
    return release;
  }

  /** What is on each host, releases by the part they play. */
  async states(parts: ReadonlyMap<string, string>): Promise<string[][]> {
    return await Promise.all(this.hosts.map(({ socket }) => stateOf(socket, parts)));
  }

  /** Takes an image from the hosts, so that it has to be pulled. */
  async forget({ digest }: Release): Promise<void> {
    const reference = `${this.gate.host}/${this.name}@${digest}`;
    for (const { socket } of this.hosts) await askEngine(socket, "DELETE", `/images/${reference}?force=true`);
  }

  /** On this host releases behave well, whatever they are. */
  async spare(host: LabHost, spared: boolean): Promise<void> {
    const file = `${host.socket.replace(/docker\.sock$/, "")}data/volumes/${this.name}-prod_data/_data/spared`;
    if (spared) writeFileSync(file, "");
    else await rm(file, { force: true });
  }

  /** Fills the disk of a host's engine; `undo` frees it. */
  async fillDisk(host: LabHost): Promise<() => Promise<void>> {
    const data = `${host.socket.replace(/docker\.sock$/, "")}data`;
    const file = join(data, "filler");
    const handle = await open(file, "w");
    const chunk = Buffer.alloc(1024 * 1024);
    try {
      for (let size = chunk.length; statfsSync(data).bavail > 0; )
        await handle.write(chunk, 0, size).catch(() => {
          size = Math.max(1, Math.floor(size / 2));
        });
    } finally {
      await handle.close();
    }
    return async () => await rm(file, { force: true });
  }

  /** Ends a host's engine in order: it stops its containers, as when the host is shut down. Resolves once it is gone. */
  async endEngine(host: LabHost): Promise<void> {
    const file = host.socket.replace(/sock$/, "pid");
    process.kill(Number(await readFile(file, "utf8")), "SIGTERM");
    while (existsSync(file)) await wait(20);
  }

  /** Lets another container publish the stage's port on a host; `undo` removes it. */
  async takePort(host: LabHost): Promise<() => Promise<void>> {
    const docker = (...args: string[]) => execa("docker", ["-H", `unix://${host.socket}`, ...args]);
    const { stdout } = await docker("run", "-d", "-p", `${port}:80`, "busybox", "sleep", "600");
    return async () => {
      await docker("rm", "-f", "-v", stdout.trim());
    };
  }

  #write(file: string, content: string): void {
    writeFileSync(join(this.#folder, "app", file), content);
  }

  #environment(): string {
    const hosts = this.hosts.map(({ address }) => address).join(", ");
    return `name: ${this.name}
image: { repository: ${this.gate.host}/${this.name} }
app: { port: 8080, health: { path: /index.html, interval: 100ms, retries: 40 }, stop: { grace: 1s }, volumes: ["data:/data"] }
tasks:
  before: { command: [sh, /task.sh, before], when: before-switch }
  after: { command: [sh, /task.sh, after], when: after-switch }
stages:
  dev: {}
  prod: { hosts: [${hosts}], ports: ["${port}:8080"], env: { FAULTY: "1" }, proxy: { drain: 3s }, rollout: { keep: 1, timeout: 4s } }
`;
  }
}
