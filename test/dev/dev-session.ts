import { execa } from "execa";
import { cli, type Project } from "../promotion/project.ts";

type Line = Readonly<Record<string, unknown>> & { readonly event: string };

/** A running `envctl dev --json` in a project, and what it has said. */
export class DevSession {
  readonly lines: Line[] = [];
  readonly #child;
  #taken = 0;
  #wake: () => void = () => {};
  #partial = "";
  #stderr = "";

  constructor(project: Project, ...args: string[]) {
    this.#child = execa(process.execPath, [cli, "dev", "--json", ...args], {
      cwd: project.folder,
      env: project.env,
      reject: false,
      buffer: false,
      timeout: 110_000,
    });
    this.#child.stdout.on("data", (chunk: Buffer) => {
      const lines = (this.#partial + chunk.toString("utf8")).split("\n");
      this.#partial = lines.pop() ?? "";
      this.lines.push(...lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Line));
      this.#wake();
    });
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString("utf8");
    });
    this.#child.on("exit", () => this.#wake());
  }

  /** The next line, after those that were waited for before, that is of this kind and meets the condition. */
  async next(event: string, condition: (line: Line) => boolean = () => true): Promise<Line> {
    const deadline = performance.now() + 45_000;
    for (;;) {
      while (this.#taken < this.lines.length) {
        const line = this.lines[this.#taken];
        this.#taken += 1;
        if (line?.event === event && condition(line)) return line;
      }
      const left = deadline - performance.now();
      if (left <= 0 || this.#child.exitCode !== null) throw new Error(`no ${event} came:\n${this.#told()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Ctrl-C, and the end. */
  async interrupt(): Promise<{ readonly exitCode: number; readonly last: Line | undefined }> {
    this.#child.kill("SIGINT");
    const { exitCode } = await this.#child;
    return { exitCode: exitCode ?? -1, last: this.lines.at(-1) };
  }

  /** As a crash would end it. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child;
  }

  #told(): string {
    return [...this.lines.map((line) => JSON.stringify(line)), this.#stderr].join("\n");
  }
}
