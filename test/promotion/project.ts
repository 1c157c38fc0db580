import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll } from "vitest";
import type { Lab } from "../lab/lab.ts";

export const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project in a folder of its own, small and quick to build: one page, served by busybox. */
export class Project {
  readonly name: string;
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly #lab: Lab;
  readonly #data: string;
  /** Proxies of the stages' domains: known by their ports, because they belong to nobody. */
  readonly #sharedProxies = new Set<string>();

  constructor(lab: Lab, name = `t${Math.random().toString(36).slice(2, 8)}`) {
    this.#lab = lab;
    this.name = name;
    this.#data = mkdtempSync(join(tmpdir(), "envctl-project-"));
    this.folder = join(this.#data, "project");
    this.env = {
      ...lab.env,
      ENVCTL_REGISTRY_DIR: join(this.#data, "registry"),
      XDG_CACHE_HOME: join(this.#data, "cache"),
      NO_COLOR: "1",
    };
    cpSync(fileURLToPath(new URL("fixtures/page", import.meta.url)), this.folder, { recursive: true });
    projects.push(this);
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.folder, file), content);
  }

  /** Another page is another release. */
  page(text: string): void {
    this.write("index.html", `${text}\n`);
  }

  /** The environment file, with `stages` and more sections as they are given. */
  environment(sections: string): void {
    for (const [, http, https] of sections.matchAll(/http_port: (\d+), https_port: (\d+)/g)) {
      this.#sharedProxies.add(`envctl-proxy-${http}-${https}`);
    }
    this.write("envctl.yaml", `name: ${this.name}\nimage: { repository: ${this.name} }\n${sections}\n`);
  }

  async run(...args: string[]): Promise<CommandResult> {
    const result = await execa(process.execPath, [cli, ...args], {
      cwd: this.folder,
      env: this.env,
      reject: false,
      timeout: 110_000,
    });
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
  }

  /** Runs and kills the tool (SIGKILL) as soon as a line of its progress matches; false where none did. */
  async runAndKill(args: readonly string[], at: RegExp): Promise<boolean> {
    const child = execa(process.execPath, [cli, ...args, "--verbose"], {
      cwd: this.folder,
      env: this.env,
      reject: false,
      buffer: false,
    });
    let killed = false;
    let seen = "";
    child.stderr.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
      if (killed || !at.test(seen)) return;
      killed = true;
      child.kill("SIGKILL");
    });
    await child;
    return killed;
  }

  /** Runs the tool, and does something as soon as its progress matches; `took` is the time from then on. Throws where nothing matched. */
  async runUntil(
    args: readonly string[],
    at: RegExp,
    then: () => Promise<unknown>,
  ): Promise<CommandResult & { readonly took: number }> {
    const child = execa(process.execPath, [cli, ...args, "--verbose"], {
      cwd: this.folder,
      env: this.env,
      reject: false,
    });
    let seen = "";
    let doing: Promise<unknown> | undefined;
    let begun = 0;
    child.stderr.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
      if (doing || !at.test(seen)) return;
      begun = performance.now();
      doing = then();
    });
    const { exitCode = -1, stdout, stderr } = await child;
    if (!doing) throw new Error(`${at} never matched:\n${stderr}`);
    await doing;
    return { exitCode, stdout, stderr, took: performance.now() - begun };
  }

  async ok(...args: string[]): Promise<CommandResult> {
    const result = await this.run(...args);
    if (result.exitCode !== 0)
      throw new Error(`envctl ${args.join(" ")} ended with ${result.exitCode}:\n${result.stderr}\n${result.stdout}`);
    return result;
  }

  /** The document of `--json`. */
  async json<Document>(...args: string[]): Promise<Document> {
    return JSON.parse((await this.ok(...args, "--json")).stdout) as Document;
  }

  async cleanUp(): Promise<void> {
    for (const socket of [this.#lab.localSocket, ...Object.values(this.#lab.hosts).map((host) => host.socket)]) {
      const docker = (...args: string[]) => execa("docker", ["-H", `unix://${socket}`, ...args], { reject: false });
      const label = `label=envctl.environment=${this.name}`;
      const list = async (...args: string[]) =>
        (await docker(...args, "--filter", label)).stdout.split("\n").filter((line) => line !== "");
      for (const proxy of this.#sharedProxies) {
        await docker("rm", "-f", proxy);
        for (const purpose of ["envctl", "caddy"]) await docker("volume", "rm", `0-${proxy}-${purpose}`);
      }
      for (const id of await list("ps", "-aq")) await docker("rm", "-f", "-v", id);
      // It stays where another proxy is left.
      await docker("network", "rm", "0-envctl-proxy");
      for (const id of await list("network", "ls", "-q")) await docker("network", "rm", id);
      for (const id of await list("volume", "ls", "-q")) await docker("volume", "rm", id);
      const images = await docker("images", "-q", "--filter", `label=envctl.image.environment=${this.name}`);
      for (const id of new Set(images.stdout.split("\n").filter((line) => line !== ""))) await docker("rmi", "-f", id);
    }
    rmSync(this.#data, { recursive: true, force: true });
  }
}

const projects: Project[] = [];
afterAll(async () => {
  for (const project of projects.splice(0)) await project.cleanUp();
}, 120_000);

/** `docker …` straight to an engine, to see what is really there. */
export async function docker(socket: string, ...args: string[]): Promise<string> {
  return (await execa("docker", ["-H", `unix://${socket}`, ...args])).stdout;
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: { readonly Image: string; readonly Env: string[]; readonly Labels: Record<string, string> };
  readonly State: { readonly Status: string; readonly StartedAt: string };
}

/** The running containers of a project's stage on an engine, its proxy left out, as the engine tells of them. */
export async function runningContainers(socket: string, project: string, stage: string): Promise<Inspected[]> {
  const ids = await docker(
    socket,
    "ps",
    "-q",
    "--filter",
    `label=envctl.environment=${project}`,
    "--filter",
    `label=envctl.stage=${stage}`,
  );
  if (ids === "") return [];
  const found = JSON.parse(await docker(socket, "inspect", ...ids.split("\n"))) as Inspected[];
  return found.filter(({ Config }) => Config.Labels["envctl.role"] !== "proxy");
}

export async function get(address: string): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const asked = request(address, { agent: false, timeout: 3000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}
