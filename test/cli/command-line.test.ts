import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { verbs } from "../../src/cli/verbs.ts";
import { cli, ensureBundle, envctl, folder } from "./command.ts";

const good = "name: shop\nimage: { repository: shop }\nstages: { dev: {}, test: { hosts: [ssh://nowhere.invalid] } }\n";

beforeAll(ensureBundle);

describe("the command line", () => {
  it("says its version", async () => {
    for (const flag of ["--version", "-V"])
      expect(await envctl([flag])).toEqual({ exitCode: 0, stdout: "0.1.0", stderr: "" });
  });

  it("gives an overview by purpose, with and without --help", async () => {
    for (const args of [[], ["--help"], ["help"]]) {
      const { exitCode, stdout } = await envctl(args);
      expect(exitCode).toBe(0);
      for (const verb of verbs) expect(stdout).toContain(` ${verb.name} `);
      expect(stdout).toMatch(/Begin with: envctl init/);
    }
  });

  it.each(verbs.map((verb) => verb.name))("explains %s with examples", async (name) => {
    const { exitCode, stdout, stderr } = await envctl([name, "--help"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/Usage: (?:envctl )?\w+/);
    expect(stdout).toMatch(/Examples:\n {2}\S/);
    expect((await envctl(["help", name])).stdout).toBe(stdout);
  });

  it.each([
    [["promot", "test"], /did you mean "promote"\?/],
    [["promot", "test", "--yes"], /there is no verb 'promot'; did you mean "promote"\?/],
    [["--file", "envctl.yaml", "promot"], /there is no verb 'promot'; did you mean "promote"\?/],
    [["status", "--jsn"], /did you mean "--json"\?/],
    [["--jsn"], /unknown option '--jsn'/],
    [["--verbose"], /which verb\?/],
    [["up"], /missing required argument 'stage'/],
    [["up", "dev", "more"], /too many arguments/],
    [["status", "--timeout", "5"], /--timeout 5 is no duration/],
    [["proxy", "relod", "dev"], /there is no "envctl proxy relod"; did you mean "reload"\?/],
    [["proxy", "logs"], /envctl proxy logs needs a stage/],
    [["proxy", "status", "--follow"], /--follow is no option of "envctl proxy status"/],
    [["maintenance", "offf", "dev"], /did you mean "off"\?/],
    [["maintenance", "on", "dve"], /there is no stage "dve"; did you mean "dev"\?/],
    [["history", "--limit", "x"], /--limit x is no whole number/],
    [
      ["history", "--limit", "0"],
      /--limit 0 is no whole number, 1 or more[\s\S]*next: {2}write a whole number: --limit 20/,
    ],
    [["logs", "dev", "--tail", "x"], /--tail x is no whole number, 0 or more/],
    [["logs", "dev", "--since", "yesterday"], /--since yesterday is no time/],
    [["up", "dve"], /there is no stage "dve"; did you mean "dev"\?/],
  ])("refuses %j with exit code 2", async (args, expected) => {
    const { exitCode, stdout, stderr } = await envctl(args, { cwd: folder({ "envctl.yaml": good }) });
    expect(stderr).toMatch(expected);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/state: nothing was touched/);
    expect(stderr).toMatch(/next: {2}\S/);
  });

  it("keeps stdout for the document with --json, errors too", async () => {
    const cwd = folder({ "envctl.yaml": good.replace("stages", "stags") });
    const failed = await envctl(["config", "--json"], { cwd });
    expect(JSON.parse(failed.stdout)).toMatchObject({
      error: {
        code: "environment-invalid",
        exitCode: 2,
        evidence: expect.arrayContaining([expect.stringMatching(/did you mean `stages`/)]),
      },
    });
    expect(failed.stderr).toMatch(/unknown key `stags`/);
    const listed = await envctl(["validate", "--json"], { cwd });
    expect(listed.exitCode).toBe(2);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      valid: false,
      problems: expect.arrayContaining([
        expect.objectContaining({ position: expect.objectContaining({ line: 3, column: 1 }) }),
      ]),
    });
    for (const words of [["up", "--json"], ["--json"], ["--json", "nosuch"], ["help", "nosuch", "--json"]]) {
      const usage = await envctl(words, { cwd });
      expect(JSON.parse(usage.stdout)).toMatchObject({ error: { code: "usage", exitCode: 2 } });
      expect(usage.stderr).not.toMatch(/unknown option/);
    }
  });

  it("needs no variables of stages that it does not touch", async () => {
    const text = good.replace("hosts:", `env: { A: "\${UNSET}" }, hosts:`);
    const cwd = folder({ "envctl.yaml": text, Dockerfile: "FROM alpine\nCOPY a.txt /\n", "a.txt": "" });
    expect(await envctl(["dev", "--explain", "a.txt"], { cwd })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await envctl(["keys", "list"], { cwd })).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await envctl(["run", "nothing"], { cwd })).stderr).toContain('there is no task "nothing"');
    expect((await envctl(["run", "nothing", "--stage", "test"], { cwd })).stderr).toContain("`UNSET` is not set");
    expect((await envctl(["status"], { cwd })).stderr).toContain("`UNSET` is not set");
  });

  it("names the very command that needs a confirmation, with the data that it would take away", async () => {
    const cwd = folder({ "envctl.yaml": good });
    for (const words of ["down test", "down test --volumes"])
      expect((await envctl(words.split(" "), { cwd })).stderr).toContain(`next:  envctl ${words} --yes`);
  });

  it("finds the environment file upward, or where it is told", async () => {
    const cwd = folder({ "envctl.yaml": good, "other.yaml": good.replace("shop", "other") });
    expect((await envctl(["validate", "--file", "other.yaml"], { cwd })).stdout).toMatch(/other with dev → test/);
    await execa("mkdir", ["-p", join(cwd, "a/b")]);
    expect((await envctl(["validate"], { cwd: join(cwd, "a/b") })).stdout).toMatch(/shop with dev → test/);
  });

  it("reads -f as people do: the file, but with logs what `tail -f` means", async () => {
    const cwd = folder({ "other.yaml": good });
    expect((await envctl(["validate", "-f", "other.yaml"], { cwd })).stdout).toMatch(/shop with dev → test/);
    for (const words of [
      ["-f", "other.yaml", "logs", "test", "-f"],
      ["logs", "-f", "test", "--file", "other.yaml"],
    ])
      expect(await envctl(words, { cwd })).toMatchObject({
        exitCode: 5,
        stderr: expect.stringMatching(/nowhere\.invalid/),
      });
    expect((await envctl(["logs", "--help"])).stdout).toMatch(/-f, --follow[\s\S]*\n +--file <path>/);
  });

  it("shows what is in force, secrets masked", async () => {
    const cwd = folder({ "envctl.yaml": `${good}app: { port: 80, env: { API_TOKEN: hunter2 }, secrets: [KEY] }\n` });
    const { stdout } = await envctl(["config", "dev"], { cwd });
    expect(stdout).not.toContain("hunter2");
    expect(stdout).toMatch(/KEY: <secret>/);
    expect(stdout).toMatch(/retries: 30/);
  });

  it("colours only where it is wanted", async () => {
    const cwd = folder({ "envctl.yaml": good });
    const run = (env: Record<string, string>, ...more: string[]) => envctl(["validate", ...more], { cwd, env });
    const code = "\u001b[";
    expect((await run({})).stdout).not.toContain(code);
    expect((await run({ FORCE_COLOR: "1" })).stdout).toContain(code);
    expect((await run({ FORCE_COLOR: "1", NO_COLOR: "1" })).stdout).not.toContain(code);
    expect((await run({ FORCE_COLOR: "1" }, "--no-color")).stdout).not.toContain(code);
  });

  it("ends quietly when nobody reads on", async () => {
    const { stdout, stderr, exitCode } = await execa("bash", ["-c", `set -o pipefail; node ${cli} --help | head -1`], {
      reject: false,
    });
    expect([stdout !== "", stderr, exitCode]).toEqual([true, "", 0]);
  });

  it("says which host is out of reach, with exit code 5 and what to do", async () => {
    const cwd = folder({ "envctl.yaml": good });
    const { exitCode, stderr } = await envctl(["logs", "test"], { cwd });
    expect(stderr).toMatch(/nowhere\.invalid/);
    expect(stderr).toMatch(/next:/);
    expect(exitCode).toBe(5);
    const down = await envctl(["down", "test", "--yes"], { cwd });
    expect([down.exitCode, down.stderr]).toEqual([5, expect.stringMatching(/state: nothing was changed on any host/)]);
  });

  it.each(["logs test --follow", "proxy logs test --follow", "dev test", "watch --once"])(
    "tells in one line how %s ended, as every line of it is a document",
    async (words) => {
      const cwd = folder({ "envctl.yaml": good.replace("ssh://nowhere.invalid", "unix:///nowhere.sock") });
      const { stdout } = await envctl([...words.split(" "), "--json"], { cwd });
      expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toHaveProperty("error.what");
    },
  );

  it("stops at the time limit", async () => {
    const cwd = folder({ "envctl.yaml": good.replace("ssh://nowhere.invalid", "unix:///nowhere.sock") });
    const { exitCode } = await envctl(["logs", "test", "--timeout", "1ms"], { cwd });
    expect([1, 5]).toContain(exitCode);
  });

  it("says what a promoter needs outside a git repository", async () => {
    const cwd = folder({ "envctl.yaml": good.replace("dev: {}", "dev: { auto: { branch: main } }") });
    const { exitCode, stdout } = await envctl(["watch", "--once"], { cwd });
    expect(stdout).toMatch(/dev: failed \S+ is in no git repository\n {2}next: run it in a clone of the sources/);
    expect(exitCode).toBe(1);
    const [event] = (await envctl(["watch", "--once", "--json"], { cwd })).stdout.split("\n");
    expect(JSON.parse(event ?? "")).toMatchObject({ state: "failed", next: "run it in a clone of the sources" });
  });

  it("completes verbs, stages and options in bash", async () => {
    const complete = await completionIn(folder({ "envctl.yaml": good }));
    expect(await complete("prom")).toEqual(["promote"]);
    expect(await complete("proxy", "")).toEqual(["status", "logs", "reload", "remove"]);
    expect(await complete("proxy", "logs", "")).toEqual(["dev", "test"]);
    expect(await complete("maintenance", "o")).toEqual(["on", "off"]);
    expect(await complete("promote", "")).toEqual(["dev", "test"]);
    expect(await complete("promote", "-f", "")).toEqual([""]);
    expect(await complete("logs", "-f", "")).toEqual(["dev", "test"]);
    expect(await complete("promote", "--dry")).toEqual(["--dry-run"]);
    expect(await complete("promote", "test", "--dry")).toEqual(["--dry-run"]);
    expect(await complete("--ver")).toEqual(["--verbose", "--version"]);
    expect(await complete("diff", "dev", "t")).toEqual(["test"]);
    expect(await complete("exec", "dev", "")).toEqual([""]);
    expect(await complete("exec", "dev", "--", "")).toEqual([""]);
    const fish = (await envctl(["completion", "fish"])).stdout;
    expect(fish).toMatch(/^complete -c envctl -f -n 'not __envctl_verb >\/dev\/null' -a promote -d '/m);
    expect(fish).toMatch(/^complete -c envctl -n '__envctl_is promote' -s f -l file -r -F$/m);
    expect(fish).toMatch(/^complete -c envctl -f -n '__envctl_is promote' -a '\(envctl completion --stages /m);
    expect((await envctl(["completion", "tcsh"])).exitCode).toBe(2);
  });

  it("completes behind options that stand before the verb, and their values", async () => {
    const other = `name: other\nimage: { repository: other }\nstages: { here: {}, later: { hosts: ['ssh://\${UNSET}'] } }\n`;
    const complete = await completionIn(folder({ "envctl.yaml": good, "other.yaml": other }));
    expect(await complete("--json", "prom")).toEqual(["promote"]);
    expect(await complete("--timeout", "5m", "maintenance", "")).toEqual(["on", "off"]);
    expect(await complete("-f", "other.yaml", "promote", "")).toEqual(["here", "later"]);
    expect(await complete("-f", "other.yaml", "logs", "-f", "h")).toEqual(["here"]);
    // Bash makes three words of --file=other.yaml, zsh one.
    expect(await complete("promote", "--file", "=", "other.yaml", "h")).toEqual(["here"]);
    expect(await complete("promote", "--file=other.yaml", "h")).toEqual(["here"]);
    expect(await complete("promote", "--release", "")).toEqual([""]);
    expect(await complete("promote", "-r", "3f2c1ab", "")).toEqual(["dev", "test"]);
    expect(await complete("pipeline", "--to", "=")).toEqual(["dev", "test"]);
    expect(await complete("run", "--stage", "t")).toEqual(["test"]);
    expect(await complete("plan", "--for", "")).toEqual(["up", "promote", "rollback"]);
    expect(await complete("init", "--ci", "=", "git")).toEqual(["github", "gitlab"]);
    expect(await complete("lock", "--for", "")).toEqual([""]);
    expect(await complete("up", "--wait", "")).toEqual(["dev", "test"]);
  });
});

/** What bash proposes in a folder for the last of some words. */
async function completionIn(cwd: string): Promise<(...words: string[]) => Promise<string[]>> {
  const { stdout: script } = await envctl(["completion", "bash"]);
  const line = `envctl() { node "$CLI" "$@"; }; COMP_WORDS=(envctl "$@"); COMP_CWORD=$#; _envctl; echo "\${COMPREPLY[*]}"`;
  return async (...words) => {
    const options = { cwd, env: { CLI: cli } };
    return (await execa("bash", ["-c", `${script}\n${line}`, "bash", ...words], options)).stdout.split(" ");
  };
}
