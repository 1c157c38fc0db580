import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Lab } from "../lab/lab.ts";
import { type CommandResult, cli, docker, Project, runningContainers } from "../promotion/project.ts";
import { expectedContent } from "./load/content.ts";
import { type Load, startLoad } from "./load.ts";

const hosts = ["prod1", "prod2"] as const;
type HostName = (typeof hosts)[number];

/** What a test says of a release and of how it comes to the stage; the rest is the same each time. */
interface Version {
  /** Text of the release, which its answers begin with; undefined leaves the one there is. */
  readonly release?: string;
  /** As in the app's Dockerfile: `ERROR_RATE=1`. */
  readonly behaviour?: string;
  readonly rollout?: string;
  /** Further keys of the stage. */
  readonly stage?: string;
  /** Further keys of the app. */
  readonly app?: string;
  /** Ports beside the one that users ask. */
  readonly ports?: readonly string[];
  /** The section `tasks`. */
  readonly tasks?: string;
}

/** The app of `fixtures/app` on two hosts, behind a proxy on each, with users on it all the time. */
export class Shop {
  readonly project: Project;
  readonly #lab: Lab;
  readonly #port: number;
  readonly #kind: "page" | "app";
  #load: Load | undefined;

  /** `page` is small and quick, and can do nothing but serve; `app` behaves as it is told. */
  constructor(lab: Lab, port: number, kind: "page" | "app") {
    this.#lab = lab;
    this.#port = port;
    this.#kind = kind;
    this.project = new Project(lab);
    if (kind === "app") {
      cpSync(fileURLToPath(new URL("fixtures/app", import.meta.url)), this.project.folder, { recursive: true });
    }
  }

  get urls(): string[] {
    return hosts.map((host) => `http://${this.#lab.host(host).ip}:${this.#port}`);
  }

  write({ release, behaviour = "", rollout = "", stage = "", app = "", ports = [], tasks = "" }: Version): void {
    if (release !== undefined) this.#writeImage(release, behaviour);
    const path = this.#kind === "page" ? "/release.txt" : "/healthz";
    const health = `health: { path: ${path}, interval: 300ms }`;
    this.project.environment(
      [
        `app: { port: 8080, ${health}, stop: { grace: 5s }${app} }`,
        `tasks: {${tasks}}`,
        "proxy: { drain: 5s }",
        "stages:",
        `  prod: { hosts: [ssh://prod1, ssh://prod2], ports: ${JSON.stringify([`${this.#port}:8080`, ...ports])}, rollout: { keep: 1${rollout} }${stage} }`,
      ].join("\n"),
    );
  }

  #writeImage(release: string, behaviour: string): void {
    const lines =
      this.#kind === "page"
        ? [
            "FROM busybox",
            "COPY index.html release.txt /www/",
            'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]',
            "STOPSIGNAL SIGKILL",
          ]
        : [
            "FROM node:20-slim",
            `ENV BEHAVIOUR=${behaviour}`,
            "WORKDIR /app",
            "COPY server.mjs release.txt ./",
            'CMD ["node", "server.mjs"]',
          ];
    this.project.write("Dockerfile", `${lines.join("\n")}\n`);
    this.project.write(".dockerignore", "*\n!index.html\n!release.txt\n!server.mjs\n");
    this.project.write("release.txt", `${release}\n`);
    this.project.write("index.html", `release ${release}\n${expectedContent(4096).toString()}`);
  }

  async up(version: Version, ...options: string[]): Promise<CommandResult> {
    this.write(version);
    return await this.project.run("up", "prod", ...options);
  }

  /** Does `work` with users on the site, and tells what they saw. */
  async watched<Result>(work: () => Promise<Result>) {
    const load = await startLoad(
      { urls: this.urls },
      { kept: 4, fresh: 2, slow: 0, upload: 0, large: 0, websocket: 0, events: 0, limit: 100_000 },
    );
    this.#load = load;
    try {
      await load.untilAnswered();
      const result = await work();
      return { result, report: await load.stop() };
    } finally {
      await this.#load.stop();
    }
  }

  /** Starts the tool and signals it once a line of its progress matches. */
  async interrupt(signal: "SIGINT" | "SIGKILL", at: RegExp, ...args: string[]): Promise<CommandResult> {
    const child = execa(process.execPath, [cli, ...args, "--verbose"], {
      cwd: this.project.folder,
      env: this.project.env,
      reject: false,
      stdin: "ignore",
    });
    let seen = "";
    let sent = false;
    child.stderr.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
      if (sent || !at.test(seen)) return;
      sent = true;
      child.kill(signal);
    });
    const { exitCode, stdout, stderr } = await child;
    if (!sent) throw new Error(`nothing in the output is like ${at}:\n${stderr}`);
    return { exitCode: exitCode ?? -1, stdout, stderr };
  }

  socket(host: HostName): string {
    return this.#lab.host(host).socket;
  }

  /** The app's running containers on all hosts, by name: when each was started. */
  async started(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const host of hosts) {
      for (const { Name, Config, State } of await runningContainers(this.socket(host), this.project.name, "prod")) {
        if (Config.Labels["envctl.role"] === "app") found[`${host}${Name}`] = State.StartedAt;
      }
    }
    return found;
  }

  /** How many containers of the app a host has, running or not. */
  async containers(host: HostName): Promise<number> {
    const filters = [`label=envctl.environment=${this.project.name}`, "label=envctl.role=app"];
    const ids = await docker(this.socket(host), "ps", "-aq", ...filters.flatMap((filter) => ["--filter", filter]));
    return ids.split("\n").filter((id) => id !== "").length;
  }
}
