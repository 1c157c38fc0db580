import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ProgramFile } from "../../../src/cli/start/program-file.ts";
import { folder } from "../command.ts";

const program = { file: "program.js", entry: "./a.js", chunks: { "./a.js": [0, 5, 0], "./b.js": [6, 8, 1] } } as const;

/** An installation with two chunks. */
function installed(): { readonly path: string; readonly file: ProgramFile } {
  const place = folder({ "program.js": "first\nthe next\n" });
  return { path: join(place, "program.js"), file: new ProgramFile(place, program) };
}

it("gives each chunk, and the line it begins in", () => {
  const { file } = installed();
  expect(file.read("./b.js")).toEqual({ source: "the next", line: 1 });
  expect(file.read("./a.js")).toEqual({ source: "first", line: 0 });
  expect(file.read("node:fs")).toBeUndefined();
});

it("gives the chunks of its own build, even if another takes its place, or none", () => {
  const { path, file } = installed();
  expect(file.read("./a.js")?.source).toBe("first");
  rmSync(path);
  writeFileSync(path, "other\nand more\n");
  expect(file.read("./b.js")?.source).toBe("the next");
});

it("says that it is damaged where a chunk is cut off", () => {
  const { path, file } = installed();
  truncateSync(path, 10);
  expect(() => file.read("./b.js")).toThrow(`${path} is shorter than it was made`);
});
