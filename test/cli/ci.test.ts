import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { Progress } from "../../src/base/progress.ts";
import { writeFailure, writeReport } from "../../src/cli/ci/files.ts";
import { GroupedView } from "../../src/cli/ci/grouped-view.ts";
import { escapeMarkdown, fenced } from "../../src/cli/ci/markdown.ts";
import { ciFiles, ciService } from "../../src/cli/ci/service.ts";
import { PlainView } from "../../src/cli/view/plain-view.ts";
import { cli, ensureBundle, envctl, folder } from "./command.ts";

beforeAll(ensureBundle);

const control = String.fromCharCode(27);
const mistaken = "name: shop\nimage: { repository: shop }\nstages: { dev: { replicsa: 2 } }\n";

function logOf(variables: Record<string, string>, work: (progress: Progress) => Promise<unknown>): Promise<string[]> {
  const service = ciService(variables);
  if (!service) throw new Error("no service");
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const plain = new PlainView(
    (line) => write(service.defuse(line)),
    (_, text) => text,
    false,
  );
  const view = new GroupedView(plain, service, write);
  return work(new Progress(view.listener))
    .catch(() => {})
    .then(() => view.finish())
    .then(() => lines.map((line) => line.replace(/ \d+(?:\.\d)?m?s$/, " TIME").replace(/:\d{10}:/, ":NOW:")));
}

const story = async (progress: Progress) => {
  await progress.step("build shop", async (at) => {
    at.output("::error::what the build printed");
    await progress.step("beside it", async () => {});
    at.warn("envctl.yaml:3:5: careful", { file: "/w/a,b/envctl.yaml", line: 3, column: 5, message: "100 %\ncareful" });
  });
  await progress.step("switch", async () => {
    throw new Error("broken\n::set-env name=PATH::x");
  });
};

describe("the log of a pipeline", () => {
  it("has a group for each step on GitHub, and remarks beside the lines of the environment file", async () => {
    expect(await logOf({ GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: "/w" }, story)).toEqual([
      "::group::build shop",
      "· build shop",
      "  │ ::error::what the build printed",
      "· beside it",
      "✓ beside it TIME",
      "::warning file=a%2Cb/envctl.yaml,line=3,col=5::100 %25%0Acareful",
      "::endgroup::",
      "✓ build shop TIME",
      "::group::switch",
      "· switch",
      "::endgroup::",
      "✗ switch TIME",
    ]);
  });

  it("has a section for each step on GitLab", async () => {
    const lines = await logOf({ GITLAB_CI: "true" }, async (progress) => progress.step("build", async () => {}));
    expect(lines).toEqual([
      `${control}[0Ksection_start:NOW:envctl_1[collapsed=true]\r${control}[0Kbuild`,
      "· build",
      `${control}[0Ksection_end:NOW:envctl_1\r${control}[0K`,
      "✓ build TIME",
    ]);
  });

  it("leaves no group open when a command ends in the midst of a step", async () => {
    const lines = await logOf({ GITHUB_ACTIONS: "true" }, async (progress) => {
      void progress.step("long", () => new Promise(() => {}));
    });
    expect(lines.at(-1)).toBe("::endgroup::");
  });

  it("never takes a foreign text for a command", () => {
    const github = ciService({ GITHUB_ACTIONS: "true" });
    const part = fc.constantFrom("::", "##[", " ", "\t", "\n", "a", "error", "]");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        for (const line of (github?.defuse(parts.join("")) ?? "").split("\n")) {
          expect(line.trim().startsWith("::") || line.trim().startsWith("##[")).toBe(false);
        }
      }),
    );
    expect(ciService({ GITLAB_CI: "true" })?.defuse("section_end:1:envctl_1")).toBe("section-end:1:envctl_1");
    expect(ciService({})).toBeUndefined();
  });
});

describe("the files of a pipeline", () => {
  it("are those that the service names, or that envctl was told of", () => {
    expect(ciFiles({ GITHUB_OUTPUT: "/o", GITHUB_STEP_SUMMARY: "/s" })).toEqual({
      outputs: { file: "/o", prefix: "" },
      summary: "/s",
      codeQuality: undefined,
      root: undefined,
    });
    expect(ciFiles({ GITHUB_OUTPUT: "/o", ENVCTL_OUTPUT: "/own", ENVCTL_SUMMARY: "/sum" })).toMatchObject({
      outputs: { file: "/own", prefix: "ENVCTL_" },
      summary: "/sum",
    });
  });

  it("get outputs a line each, and a summary that grows", async () => {
    const directory = folder();
    const files = ciFiles({ ENVCTL_OUTPUT: join(directory, "out"), ENVCTL_SUMMARY: join(directory, "summary.md") });
    await writeReport(files, { outputs: { release: "3f2c1ab", digest: "sha256:1" }, summary: "### one" });
    await writeReport(files, { outputs: {}, summary: "### two" });
    expect(await readFile(join(directory, "out"), "utf8")).toBe("ENVCTL_RELEASE=3f2c1ab\nENVCTL_DIGEST=sha256:1\n");
    expect(await readFile(join(directory, "summary.md"), "utf8")).toBe("### one\n\n### two\n\n");
    await expect(writeReport(files, { outputs: { release: "a\nPATH=x" }, summary: "" })).rejects.toThrow(
      "more than one",
    );
  });

  it("say what failed, with no way for a log line to be more than a line", async () => {
    const directory = folder();
    const files = ciFiles({ ENVCTL_SUMMARY: join(directory, "summary.md") });
    const error = new EnvctlError({
      code: "x",
      exitCode: ExitCode.failed,
      what: "it broke <img src=x>",
      evidence: ["```", "[link](x)"],
      state: "as before",
      next: "envctl status",
    });
    await writeFailure(files, "promote", error);
    expect(await readFile(join(directory, "summary.md"), "utf8")).toBe(
      [
        "### ❌ envctl promote",
        "it broke \\<img src=x\\>",
        "````text\n```\n[link](x)\n````",
        "**State:** as before",
        "**Next:** envctl status\n\n",
      ].join("\n\n"),
    );
    expect(fenced("a")).toBe("```text\na\n```");
    expect(escapeMarkdown("a\n| b | @all #1")).toBe("a \\| b \\| \\@all \\#1");
  });

  it("are written by the command itself: remarks on GitHub, code quality for GitLab", async () => {
    const cwd = folder({ "envctl.yaml": mistaken });
    const github = await envctl(["validate"], {
      cwd,
      env: { GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: cwd, CI: "true" },
    });
    expect(github.exitCode).toBe(2);
    expect(github.stderr).toMatch(/^::error file=envctl\.yaml,line=3,col=18::.*replicsa.*replicas/m);
    const report = join(cwd, "quality.json");
    const env = {
      GITLAB_CI: "true",
      CI_PROJECT_DIR: cwd,
      CI: "true",
      ENVCTL_CODE_QUALITY: report,
      ENVCTL_SUMMARY: join(cwd, "summary.md"),
    };
    expect((await envctl(["config", "dev"], { cwd, env })).exitCode).toBe(2);
    const [issue] = JSON.parse(await readFile(report, "utf8")) as [{ severity: string; location: unknown }];
    expect([issue.severity, issue.location]).toEqual(["blocker", { path: "envctl.yaml", lines: { begin: 3 } }]);
    expect(await readFile(env.ENVCTL_SUMMARY, "utf8")).toContain("### ❌ envctl config");
    const unwritable = await envctl(["config", "dev"], { cwd, env: { ENVCTL_SUMMARY: "/proc/none/summary.md" } });
    expect(unwritable.stderr).toContain("the files for the pipeline cannot be written");
  });

  it("are written, and the exit code is that of the verb, where whoever reads the document is gone", async () => {
    const cwd = folder({ "envctl.yaml": mistaken });
    const env = { PATH: process.env.PATH, ENVCTL_SUMMARY: join(cwd, "summary.md") };
    const line = `(sleep 0.2; node ${cli} config dev --json) | true; exit "\${PIPESTATUS[0]}"`;
    const { exitCode, stderr } = await execa("bash", ["-c", line], { cwd, env, extendEnv: false, reject: false });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("the environment file has a mistake")]);
    expect(await readFile(env.ENVCTL_SUMMARY, "utf8")).toContain("### ❌ envctl config");
  });
});
