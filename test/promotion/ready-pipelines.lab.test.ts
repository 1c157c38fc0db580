import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "../cli/command.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { installProgram } from "../lab/install.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Record<string, string>;
}

describeLab("a ready pipeline", () => {
  let lab: Lab;
  let project: Project;
  /** The runner's home and tools: nothing of it is the machine's own. */
  let runner: string;
  let variables: Record<string, string>;

  beforeAll(async () => {
    lab = await useLab();
    // By which GitLab's jobs are run here.
    await installProgram("rsync", () => {});
    project = new Project(lab);
    project.environment(
      [
        "app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }",
        "stages:",
        "  dev: {}",
        "  test: { hosts: [ssh://test1] }",
        "  prod: { hosts: [ssh://prod1], gates: { window: Mon 03:00-03:01 UTC } }",
      ].join("\n"),
    );
    runner = mkdtempSync(join(tmpdir(), "envctl-runner-"));
    await execa("npm", ["pack", "--ignore-scripts", "--pack-destination", runner], { cwd: root });
    const archive = readdirSync(runner).find((name) => name.endsWith(".tgz")) ?? "";
    variables = {
      ...project.env,
      HOME: runner,
      npm_config_prefix: runner,
      npm_config_offline: "true",
      PATH: `${runner}/bin:${process.env.PATH}`,
      CI: "true",
      ENVCTL_PACKAGE: join(runner, archive),
    };
    const git = async (...words: string[]) =>
      await execa("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...words], {
        cwd: project.folder,
      });
    await git("init", "--quiet", "--initial-branch", "main");
    for (const [from, to] of [
      ["ci/gitlab.yaml", ".gitlab-ci.yml"],
      ["ci/pipeline.sh", "pipeline.sh"],
    ] as const) {
      copyFileSync(join(root, "templates", from), join(project.folder, to));
    }
    project.write(".dockerignore", "*\n!index.html\n!Dockerfile\n");
    await git("add", "--all");
    await git("commit", "--quiet", "--message", "one");
  }, 60_000);

  afterAll(() => rmSync(runner, { recursive: true, force: true }));

  const runs = async (stage: string) => {
    const { stages } = await project.json<{ stages: { stage: string; verdict: string }[] }>("status");
    return stages.find((one) => one.stage === stage)?.verdict;
  };

  describe("run as its service does", () => {
    it("on GitHub installs, validates and releases, and a closed gate is no failure", async () => {
      const workflow = parse(readFileSync(join(root, "templates/ci/github.yaml"), "utf8")) as {
        jobs: { pipeline: { steps: Step[]; env: Record<string, string> } };
      };
      const given: Record<string, string> = { "secrets.SSH_PRIVATE_KEY": "a key", "secrets.SSH_KNOWN_HOSTS": "a host" };
      const filled = (text: string) => text.replace(/\$\{\{ (.*?) \}\}/g, (_, name: string) => given[name] ?? "");
      const [output, summary] = [join(runner, "output"), join(runner, "summary.md")];
      const log: string[] = [];
      for (const step of workflow.jobs.pipeline.steps) {
        if (step.uses !== undefined) continue;
        const env = {
          ...variables,
          ...Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, filled(text)])),
          GITHUB_ACTIONS: "true",
          GITHUB_WORKSPACE: project.folder,
          GITHUB_OUTPUT: output,
          GITHUB_STEP_SUMMARY: summary,
        };
        const options = { cwd: project.folder, env, extendEnv: false, reject: false, all: true } as const;
        const result = await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", step.run ?? ""], options);
        log.push(result.all);
        expect(result.exitCode, result.all).toBe(0);
      }
      expect(log.join("\n")).toMatch(/^::group::dev$[\s\S]*^::endgroup::$/m);
      expect(readFileSync(output, "utf8")).toMatch(/^release=\w+\ndigest=sha256:[0-9a-f]{64}\nreached=test$/m);
      expect(readFileSync(summary, "utf8")).toMatch(/\| prod \| a gate is closed \|/);
      expect(readFileSync(join(runner, ".ssh/id_ed25519"), "utf8")).toBe("a key\n");
      expect([await runs("test"), await runs("prod")]).toEqual(["ok", "empty"]);
    }, 120_000);

    it("on GitLab goes on from there, with a warning for the gate", async () => {
      const options = { cwd: project.folder, env: variables, extendEnv: false, reject: false, all: true } as const;
      const local = join(root, "node_modules/.bin/gitlab-ci-local");
      const result = await execa(
        process.execPath,
        [local, "--force-shell-executor", "--no-color", "--variable", `ENVCTL_PACKAGE=${variables.ENVCTL_PACKAGE}`],
        options,
      );
      expect(result.exitCode, result.all).toBe(0);
      expect(result.all).toMatch(/pipeline.*test\s+had it already/);
      expect(result.all).toMatch(/WARN.*pipeline/);
    }, 120_000);

    it("as a plain script does the same", async () => {
      const options = { cwd: "/", env: variables, extendEnv: false, reject: false, all: true } as const;
      const result = await execa(join(project.folder, "pipeline.sh"), ["--to", "prod"], options);
      expect([result.exitCode, result.all]).toEqual([0, expect.stringMatching(/a gate is closed$/)]);
      const wrong = await execa(join(project.folder, "pipeline.sh"), ["--to", "nowhere"], options);
      expect([wrong.exitCode, wrong.all]).toEqual([2, expect.stringContaining('no stage "nowhere"')]);
    }, 120_000);
  });
});
