import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { cli, ensureBundle, folder, root } from "./command.ts";
import { onTerminal, script } from "./terminal.ts";

const work = "test/cli/fixtures/work.ts";
const start = "\u001b";
const showCursor = `${start}[?25h`;
const ctrlC = "\u0003";

beforeAll(ensureBundle);

/** What stays on the screen: the text since the cursor last went back up. */
function remains(screen: string): string {
  const frames = screen.split(new RegExp(`${start}\\[(?:\\d*[AFGHJK]|1G)`));
  return stripVTControlCharacters(frames.at(-1) ?? "").replaceAll("\r", "");
}

// script(1) of util-linux makes the terminal.
describe.runIf(process.platform === "linux")("on a terminal", () => {
  it("draws steps under way, and leaves what they came to", async () => {
    const { screen, exitCode } = await onTerminal(script(work, "steps"));
    expect(exitCode).toBe(0);
    expect(screen).toMatch(/› ssh:\/\/a/);
    expect(remains(screen)).toMatch(
      /✓ switch everything .* [\d.]+m?s\n +✓ ssh:\/\/a [\d.]+m?s\n +✓ ssh:\/\/b \(already there\) [\d.]+m?s\n! careful\ndone hidden well/,
    );
    expect(screen.lastIndexOf(showCursor)).toBeGreaterThan(screen.lastIndexOf(`${start}[?25l`));
  });

  it("keeps stdout for the result when it is a file", async () => {
    const file = join(folder(), "result.txt");
    const { screen } = await onTerminal(script(work, "steps"), { redirect: `>${file}` });
    expect(readFileSync(file, "utf8")).toBe("done hidden well\n");
    expect(screen).toContain(`${start}[32m✓`);
  });

  it("fits a narrow one: no line wraps", async () => {
    const { screen } = await onTerminal(script(work, "steps"), { size: { columns: 40, rows: 10 } });
    const lines = stripVTControlCharacters(screen).split(/\r?\n/);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(40);
    expect(screen).toContain("…");
  });

  it("lets no foreign word reach it as a command", async () => {
    const { screen } = await onTerminal(script(work, "steps"));
    expect(screen).toContain("server says");
    for (const command of ["]0;owned", "[2J", "[8m", "[1A\u001b[8m"]) expect(screen).not.toContain(start + command);
  });

  it("shows where a failure happened and why", async () => {
    const { screen } = await onTerminal(script(work, "failure"));
    expect(remains(screen)).toMatch(/✗ switch [\d.]+m?s\n +✗ ssh:\/\/a: broken [\d.]+m?s\n/);
  });

  it.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("does without colours with %j", async (env) => {
    const { screen } = await onTerminal(script(work, "steps"), { env });
    expect(screen).toContain("✓");
    expect(screen).not.toMatch(new RegExp(`${start}\\[[1-9]\\d?m`));
  });

  it.each([{ CI: "true" }, { TERM: "dumb" }])("draws nothing with %j", async (env) => {
    const { screen } = await onTerminal(script(work, "steps", "--no-color"), { env });
    expect(screen).not.toContain(start);
    expect(screen).toMatch(/✓ switch .* › ssh:\/\/b \(already there\)/);
  });

  it("answers the first Ctrl-C at once, and leaves at the second", async () => {
    const { screen, exitCode } = await onTerminal(script(work, "stubborn"), {
      typing: [
        { after: /never ends/, keys: ctrlC },
        { after: /press Ctrl-C again/, keys: ctrlC },
      ],
    });
    expect(exitCode).toBe(130);
    expect(screen).toMatch(/interrupted: putting things in order; press Ctrl-C/);
    expect(screen.replaceAll("\r", "")).toMatch(
      /left at once: what was under way is neither finished nor undone\n {2}ssh:\/\/a: switched to 3f2c1ab\n {2}next: {2}run the same/,
    );
    expect(screen.lastIndexOf(showCursor)).toBeGreaterThan(screen.lastIndexOf(`${start}[?25l`));
  });
});

describe.runIf(process.platform === "linux")("a question", () => {
  const down = async (keys: string) => {
    const cwd = folder({ "envctl.yaml": "name: shop\nimage: { repository: shop }\nstages: { dev: {} }\n" });
    const typing = [{ after: /Remove all containers and networks of dev on local\?[\s\S]*No/, keys }];
    const result = await onTerminal([process.execPath, cli, "down", "dev"], { cwd, redirect: ">result.txt", typing });
    return { ...result, result: readFileSync(join(cwd, "result.txt"), "utf8") };
  };

  it("is asked where a person can see it, even if stdout is a file; anything but yes changes nothing", async () => {
    const { exitCode, screen, result } = await down("\r");
    expect(stripVTControlCharacters(screen)).toMatch(/✗ not confirmed/);
    expect([exitCode, result]).toEqual([2, ""]);
  });

  it("can be left with Ctrl-C", async () => {
    const { exitCode, screen } = await down(ctrlC);
    expect(stripVTControlCharacters(screen)).toMatch(/✗ interrupted[\s\S]*nothing was changed/);
    expect(exitCode).toBe(130);
  });
});

describe("where there is no terminal", () => {
  it("goes on working when nobody reads the progress any more", async () => {
    const file = join(folder(), "result.txt");
    const [node = "", ...args] = script(work, "steps");
    const line = `"$0" "$@" 2>&1 >${file} | head -1`;
    const { stdout } = await execa("bash", ["-c", line, node, ...args], { cwd: root });
    expect(stdout).toMatch(/^· switch/);
    expect(readFileSync(file, "utf8")).toBe("done hidden well\n");
  });

  it("says that a defect is one, without a stack", async () => {
    const [node = "", ...args] = script(work, "crash");
    const { exitCode, stderr } = await execa(node, args, { cwd: root, reject: false });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/✗ this is a defect in envctl: from nowhere\n.*--verbose/s);
    expect(stderr).not.toMatch(/\n\s+at /);
    const verbose = await execa(node, [...args, "--verbose"], { cwd: root, reject: false });
    expect(verbose.stderr).toMatch(/│\s+at .*work\.ts/);
  });
});
