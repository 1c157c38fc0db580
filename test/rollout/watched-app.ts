import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { Lab } from "../lab/lab.ts";

export const cli = fileURLToPath(new URL("../../dist/envctl.js", import.meta.url));

/** The app of `fixtures/app` as a project in a folder of its own, with a registry of its own. */
export class WatchedApp {
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #data: string;
  readonly #stages: readonly string[];

  /** `stages` are the lines below `stages:`; their names in the order in which they may be taken down. */
  constructor(lab: Lab, options: { readonly name: string; readonly stages: Readonly<Record<string, string>> }) {
    this.#data = mkdtempSync(join(tmpdir(), "envctl-watched-"));
    this.name = options.name;
    this.folder = join(this.#data, "project");
    this.env = {
      ...lab.env,
      ENVCTL_REGISTRY_DIR: join(this.#data, "registry"),
      XDG_CACHE_HOME: join(this.#data, "cache"),
      NO_COLOR: "1",
    };
    this.#stages = Object.keys(options.stages);
    cpSync(fileURLToPath(new URL("fixtures/app", import.meta.url)), this.folder, { recursive: true });
    const stages = Object.entries(options.stages).map(([name, stage]) => `  ${name}: ${stage}\n`);
    writeFileSync(
      join(this.folder, "envctl.yaml"),
      `name: ${this.name}
image: { repository: ${this.name} }
app: { port: 8080, health: { path: /healthz, interval: 100ms, retries: 300 }, stop: { grace: 10s } }
stages:
${stages.join("")}`,
    );
  }

  /** Another text is another release. */
  release(text: string): void {
    writeFileSync(join(this.folder, "release.txt"), `${text}\n`);
  }

  /** Runs the tool, and resolves to the milliseconds that it took. Rejects with what it said where it fails. */
  async envctl(...args: readonly string[]): Promise<number> {
    const begun = performance.now();
    await this.#run(args);
    return performance.now() - begun;
  }

  /** Names of the releases that ran in a stage, the newest first. */
  async releases(stage: string): Promise<string[]> {
    const { records } = JSON.parse(await this.#run(["history", stage, "--json"])) as {
      readonly records: readonly { readonly release: { readonly name: string } }[];
    };
    return [...new Set(records.map(({ release }) => release.name))];
  }

  /** Resolves to what it said on standard output. */
  async #run(args: readonly string[]): Promise<string> {
    const { exitCode, all, stdout } = await execa(process.execPath, [cli, ...args], {
      cwd: this.folder,
      env: this.env,
      reject: false,
      all: true,
      timeout: 170_000,
    });
    if (exitCode !== 0) throw new Error(`envctl ${args.join(" ")} ended with ${exitCode}:\n${all}`);
    return stdout;
  }

  /** Leaves nothing on any host. */
  async remove(): Promise<void> {
    try {
      for (const stage of this.#stages.toReversed()) await this.envctl("down", stage, "--volumes", "--yes");
      await this.envctl("prune", "--yes");
    } finally {
      rmSync(this.#data, { recursive: true, force: true });
    }
  }
}
