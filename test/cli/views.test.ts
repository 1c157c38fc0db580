import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { EnvctlError, ExitCode } from "../../src/base/errors.ts";
import { Progress } from "../../src/base/progress.ts";
import { clean } from "../../src/cli/view/clean.ts";
import { errorDocument, renderError, toEnvctlError } from "../../src/cli/view/error.ts";
import { PlainView } from "../../src/cli/view/plain-view.ts";
import { renderTable } from "../../src/cli/view/table.ts";
import { displayWidth } from "../../src/cli/view/width.ts";

const paint = (_: unknown, text: string) => text;

async function lines(verbose: boolean, work: (progress: Progress) => Promise<unknown>): Promise<string[]> {
  const written: string[] = [];
  const view = new PlainView((line) => written.push(line), paint, verbose);
  await work(new Progress(view.listener)).catch(() => {});
  return written.map((line) => line.replace(/ \d+(?:\.\d)?m?s$/, " TIME"));
}

const story = async (progress: Progress) =>
  await progress.step("switch", async (at) => {
    await at.step("ssh://a", async (host) => {
      host.update("pulling 10 %");
      host.output("a line");
      host.note("already there");
    });
    at.warn("careful");
    await at.step("ssh://b", async () => {
      throw new Error("broken");
    });
  });

describe("plain lines", () => {
  it("tell each step when it is done, and long ones when they begin", async () => {
    expect(await lines(false, story)).toEqual([
      "· switch",
      "  │ a line",
      "✓ switch › ssh://a (already there) TIME",
      "! careful",
      "✗ switch › ssh://b: broken TIME",
      "✗ switch TIME",
    ]);
  });

  it("tell every change with --verbose", async () => {
    expect(await lines(true, story)).toContain("  switch › ssh://a: pulling 10 %");
  });
});

describe("an error", () => {
  const error = new EnvctlError({
    code: "x",
    exitCode: ExitCode.failed,
    what: "it broke",
    where: "ssh://a",
    state: "as before",
    next: "try again",
    evidence: ["one", "\u001b[2Jtwo"],
  });

  it("says what, where, the evidence, the state and what is next, in this order", () => {
    expect(renderError(error, paint).split("\n")).toEqual([
      "✗ it broke",
      "  where: ssh://a",
      "  │ one",
      "  │ two",
      "  state: as before",
      "  next:  try again",
    ]);
  });

  it("has a stable document", () => {
    expect(errorDocument(error)).toEqual({
      error: {
        code: "x",
        exitCode: 1,
        what: "it broke",
        where: "ssh://a",
        state: "as before",
        next: "try again",
        evidence: ["one", "\u001b[2Jtwo"],
      },
    });
  });

  it("of another kind is a defect, and its stack is shown only when asked for", () => {
    expect(renderError(toEnvctlError(new TypeError("oops"), false), paint)).toMatch(
      /defect in envctl: oops\n.*--verbose/s,
    );
    expect(renderError(toEnvctlError(new TypeError("oops"), true), paint)).toMatch(/at .*views\.test\.ts/);
  });

  it.each([
    ["a file that is in a folder's place", () => writeFile("/dev/null/file", "")],
    ["a folder that cannot be made", () => mkdir("/proc/envctl/folder", { recursive: false })],
  ])("is none where the file system refuses %s", async (_, work) => {
    const error = toEnvctlError(await work().catch((thrown: unknown) => thrown), false);
    expect(error).toMatchObject({ code: "file-refused", exitCode: 1, where: expect.stringMatching(/^\/(?:dev|proc)/) });
    expect(error.next).toMatch(/permissions and the space/);
  });
});

describe("text from elsewhere", () => {
  it("cannot move the cursor, set the title, or hide anything", () => {
    expect(clean("a\u001b[31mb\u001b]0;title\u0007c\rd\u0008e\u009b2Jf\u0000g\nh\ti")).toBe("abcdefg\nh\ti");
  });
});

describe("a table", () => {
  const rows = [
    ["dev", "local", "a long description of something"],
    ["東京", "ssh://host", "x"],
  ];

  it("aligns columns, wide characters too", () => {
    expect(renderTable(["A", "B", "C"], rows, paint, 80).split("\n")).toEqual([
      "A     B           C",
      "dev   local       a long description of something",
      "東京  ssh://host  x",
    ]);
  });

  it("keeps a row in its line, whatever was written into it", () => {
    const reasons = [
      ["prod", "soak: mends the login\n\nsee OPS-17\t(urgent)", "ada"],
      ["test", "", "grace"],
    ];
    expect(renderTable(["A", "B", "C"], reasons, paint, Number.POSITIVE_INFINITY).split("\n")).toEqual([
      "A     B                                          C",
      "prod  soak: mends the login see OPS-17 (urgent)  ada",
      "test                                             grace",
    ]);
  });

  it("fits a narrow terminal, however narrow", () => {
    for (let width = 1; width < 60; width += 1) {
      const table = renderTable(["A", "B", "C"], rows, paint, width);
      for (const line of table.split("\n")) expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(3, width));
    }
    expect(renderTable(["A", "B", "C"], rows, paint, 30)).toContain("…");
  });

  it("keeps what is to be read whole, and has no word cut for it: what has no room goes to the line below", () => {
    const times = [
      ["2026-11-29T20:11:05Z", "9cd850f7-dirty-ed9f", "succeeded, and more than that"],
      ["2026-11-29T20:10:05Z", "9cd850f7", ""],
    ];
    const at = (width: number) => renderTable(["A", "B", "C"], times, paint, width, [0]).split("\n");
    expect(at(46)[1]).toBe("2026-11-29T20:11:05Z  9cd850f7-d…  succeeded,…");
    expect(at(36)).toEqual([
      "A",
      "  B",
      "  C",
      "2026-11-29T20:11:05Z",
      "  9cd850f7-dirty-ed9f",
      "  succeeded, and more than that",
      "2026-11-29T20:10:05Z",
      "  9cd850f7",
    ]);
    expect(renderTable(["A", "B", "C"], rows, paint, 20).split("\n").slice(0, 4)).toEqual([
      "A     B",
      "  C",
      "dev   local",
      "  a long descriptio…",
    ]);
  });
});
