import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Folder } from "../build/folder.ts";
import { ensureBundle, envctl } from "../cli/command.ts";
import { samples } from "./samples.ts";

beforeAll(ensureBundle);

describe("envctl init", () => {
  it("writes what is missing, says what it found, and what to type next", async () => {
    await using folder = await Folder.of(samples.python);
    const { exitCode, stdout, stderr } = await envctl(["init", "--test", "deploy@test.example.com"], {
      cwd: folder.path,
    });
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^found requirements.txt \(pip\); wrote for it:/);
    expect(stdout).toMatch(/next: envctl validate, then envctl up dev, then envctl promote test$/);
    expect((await readdir(folder.path)).sort()).toEqual([
      ".dockerignore",
      "Dockerfile",
      "envctl.yaml",
      "requirements.txt",
      "server.py",
    ]);
    const validated = await envctl(["validate"], { cwd: folder.path });
    expect([validated.exitCode, validated.stdout]).toEqual([0, expect.stringMatching(/with dev → test$/)]);
    const again = await envctl(["init"], { cwd: folder.path });
    // The Dockerfile that is there now is what it looks at.
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringMatching(/all there already/)]);
  });

  it("shows with --dry-run what it would write, and writes nothing", async () => {
    await using folder = await Folder.of(samples.node);
    const { exitCode, stdout } = await envctl(["init", "--dry-run", "--name", "other", "--port", "5050"], {
      cwd: folder.path,
    });
    expect(exitCode).toBe(0);
    for (const part of ["would write", "--- envctl.yaml", "name: other", "--- Dockerfile", "EXPOSE 5050"])
      expect(stdout).toContain(part);
    expect(await readdir(folder.path)).not.toContain("envctl.yaml");
  });

  it("tells it all as one document with --json", async () => {
    await using folder = await Folder.of({ ...samples.go, "index.html": "", ".dockerignore": "mine" });
    const { stdout } = await envctl(["init", "--json", "--prod", "a.example.com,b.example.com"], { cwd: folder.path });
    expect(JSON.parse(stdout)).toMatchObject({
      verb: "init",
      kind: "go",
      found: "go.mod (Go 1.19)",
      port: 8099,
      hosts: { test: [], prod: ["ssh://a.example.com", "ssh://b.example.com"] },
      dryRun: false,
      notes: [expect.stringMatching(/it might also be static/)],
      files: [
        { name: "envctl.yaml", kept: false },
        { name: "Dockerfile", kept: false },
        { name: ".dockerignore", kept: true },
      ],
    });
    expect(await readFile(folder.join(".dockerignore"), "utf8")).toBe("mine");
  });

  it("takes the kind that it is told, where there is such a one", async () => {
    await using folder = await Folder.of({ ...samples.go, "index.html": "" });
    const { stdout } = await envctl(["init", "--kind", "static", "--dry-run", "--json"], { cwd: folder.path });
    expect(JSON.parse(stdout)).toMatchObject({ kind: "static", port: 8080 });
  });

  it.each([
    [{}, [], /nothing here tells what kind/],
    [samples.go, ["--kind", "pyton"], /did you mean "python"\?/],
    [samples.go, ["--kind", "rust"], /nothing here tells that this is of the kind rust[\s\S]*what is found here: go/],
    [{ ...samples.go, Dockerfile: "FROM x\n" }, ["--kind", "go"], /there is a Dockerfile already/],
    [samples.go, ["--name", "a-"], /--name a- cannot be/],
    [samples.go, ["--name", "$(id)"], /--name \$\(id\) cannot be/],
    [samples.go, ["--port", "0"], /--port 0 cannot be/],
    [samples.go, ["--port", "70000"], /from 1 to 65535/],
    [samples.go, ["--test", "ssh://-oProxyCommand=x"], /"ssh:\/\/-oProxyCommand=x" is no address/],
    [samples.go, ["--file", "x.yaml"], /leave --file out/],
  ])("refuses %j %j with exit code 2, and writes nothing", async (files: Record<string, string>, options, expected) => {
    await using folder = await Folder.of(files);
    const { exitCode, stdout, stderr } = await envctl(["init", ...options], { cwd: folder.path });
    expect(stderr).toMatch(expected);
    expect(stderr).toMatch(/nothing was written/);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect((await readdir(folder.path)).sort()).toEqual(Object.keys(files).sort());
  });

  it("makes a name of a folder's that is none", async () => {
    await using folder = await Folder.of({ '"; rm -rf x/index.html': "hello" });
    const cwd = folder.join('"; rm -rf x');
    expect(basename(cwd)).toBe('"; rm -rf x');
    expect((await envctl(["init"], { cwd })).exitCode).toBe(0);
    expect((await envctl(["validate"], { cwd })).stdout).toMatch(/: rm-rf-x with dev$/);
  });
});
