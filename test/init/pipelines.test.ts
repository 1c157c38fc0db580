import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { optionsOf } from "../../src/cli/global-options.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { pipelineServices } from "../../src/init/pipeline-file.ts";
import { ensureBundle, envctl, folder, root } from "../cli/command.ts";

beforeAll(ensureBundle);

const read = (name: string) => readFileSync(join(root, "templates", name), "utf8");
const gitlabLocal = join(root, "node_modules/.bin/gitlab-ci-local");

describe("a ready pipeline", () => {
  it("for GitHub is a workflow as GitHub reads it", async () => {
    // The parser imports JSON in a way that Node 20 does not know: it is bundled first.
    const outfile = join(folder(), "parser.mjs");
    await build({
      stdin: { contents: 'export * from "@actions/workflow-parser";', resolveDir: root },
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
    });
    const { NoOperationTraceWriter, parseWorkflow } = (await import(
      outfile
    )) as typeof import("@actions/workflow-parser");
    const check = (content: string) =>
      parseWorkflow({ name: "envctl.yaml", content }, new NoOperationTraceWriter())
        .context.errors.getErrors()
        .map(({ message }) => message);
    expect(check(read("ci/github.yaml"))).toEqual([]);
    expect(check(read("ci/github.yaml").replace("runs-on", "runs_on"))).not.toEqual([]);
  });

  // A program of many thousand files starts twice.
  it("for GitLab is what GitLab's schema wants", async () => {
    const list = async (content: string) => {
      const cwd = folder({ ".gitlab-ci.yml": content });
      await execa("git", ["init", "--quiet", "--initial-branch", "main"], { cwd });
      return await execa(gitlabLocal, ["--list-csv"], { cwd, env: { HOME: cwd }, reject: false });
    };
    const { exitCode, stdout } = await list(read("ci/gitlab.yaml"));
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^validate;.*\npipeline;/m)]);
    expect((await list(read("ci/gitlab.yaml").replace("exit_codes: 3", "exit_codes: three"))).exitCode).not.toBe(0);
  }, 90_000);

  it("for systemd says no key twice but where lists are meant, and starts what there is", () => {
    const text = read("watch/envctl-watch.service");
    const sections = text.split("\n").filter((line) => /^\[.*\]$/.test(line));
    expect(sections).toEqual(["[Unit]", "[Service]", "[Install]"]);
    for (const line of text.split("\n")) expect(line).toMatch(/^$|^#|^\[\w+\]$|^[A-Z][A-Za-z]+=\S/);
  });

  it.each(["ci/github.yaml", "ci/gitlab.yaml", "ci/pipeline.sh", "watch/envctl-watch.service"])(
    "%s types verbs and options that envctl has",
    (name) => {
      const commands = [...read(name).matchAll(/^[^#\n]*?\benvctl ((?:[a-z]+)(?: (?:--[a-z-]+|[\w$"{}:+-]+))*)/gm)];
      expect(commands.length).toBeGreaterThan(0);
      for (const [, line = ""] of commands) {
        const [word, ...rest] = line.split(" ");
        const verb = verbs.find((candidate) => candidate.name === word);
        if (!verb) throw new Error(`no verb in "${line}"`);
        const known = optionsOf(verb).map(({ flags }) => /--[a-z-]+/.exec(flags)?.[0]);
        for (const option of rest.flatMap((part) => /--[a-z-]+/.exec(part) ?? [])) expect(known).toContain(option);
      }
    },
  );

  it("installs the version that it came with", () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    for (const name of ["ci/github.yaml", "ci/gitlab.yaml"]) {
      expect(read(name)).toContain(`ENVCTL_PACKAGE: envctl@${version}\n`);
    }
  });

  it("is written where the service looks for it, and over nothing", async () => {
    const cwd = folder();
    for (const service of pipelineServices) {
      const { exitCode, stdout } = await envctl(["init", "--ci", service, "--json"], { cwd });
      expect(exitCode).toBe(0);
      const [file] = (JSON.parse(stdout) as { files: { name: string }[] }).files;
      expect(statSync(join(cwd, file?.name ?? "")).mode & 0o111).toBe(service === "shell" ? 0o111 : 0);
      expect((await envctl(["init", "--ci", service], { cwd })).exitCode).toBe(2);
    }
    expect(readFileSync(join(cwd, ".github/workflows/envctl.yaml"), "utf8")).toBe(read("ci/github.yaml"));
    const unknown = await envctl(["init", "--ci", "jenkins"], { cwd });
    expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining("github, gitlab, shell, systemd")]);
    expect((await envctl(["init", "--ci", "github", "--dry-run"], { cwd: folder() })).stdout).toContain("jobs:");
  });
});
