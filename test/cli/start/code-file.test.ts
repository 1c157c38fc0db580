import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodeFile, writeCodeFile } from "../../../src/cli/start/code-file.ts";
import { folder } from "../command.ts";

const codes = new Map([
  ["./main.js", Buffer.from("what V8 made of one")],
  ["./plan.js", Buffer.from("what it made of another")],
]);

/** A file of `codes` in a folder that is ours alone. */
function written(): string {
  const path = join(folder(), "program");
  writeCodeFile(path, () => codes);
  return path;
}

describe("a file of compiled code", () => {
  it("gives back what was written", () => {
    const file = CodeFile.open(written());
    expect([...(file?.chunks ?? [])]).toEqual(["./main.js", "./plan.js"]);
    for (const [chunk, code] of codes) expect(file?.read(chunk)).toEqual(code);
    expect(file?.read("./other.js")).toBeUndefined();
  });

  it("is written in one step, and leaves nothing where that fails", () => {
    const path = written();
    const failing = () => {
      expect(readdirSync(join(path, ".."))).toHaveLength(2);
      throw new Error("no space left on the disk");
    };
    expect(() => writeCodeFile(path, failing)).toThrow("no space left");
    expect(readdirSync(join(path, ".."))).toEqual(["program"]);
    expect(CodeFile.open(path)?.read("./main.js")).toEqual(codes.get("./main.js"));
  });

  it("gives back nothing else, whatever became of its bytes", () => {
    const path = written();
    const good = readFileSync(path);
    const edit = fc.record({
      at: fc.nat(good.length),
      remove: fc.nat(good.length),
      insert: fc.uint8Array({ maxLength: 20 }),
    });
    fc.assert(
      fc.property(edit, ({ at, remove, insert }) => {
        writeFileSync(path, Buffer.concat([good.subarray(0, at), insert, good.subarray(at + remove)]));
        const file = CodeFile.open(path);
        for (const [chunk, code] of codes) expect([code, undefined]).toContainEqual(file?.read(chunk));
        file?.close();
      }),
      { numRuns: 1000 },
    );
  });

  it("is not believed where others could have written it", () => {
    const path = written();
    const above = join(path, "..");
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode);
      expect(CodeFile.open(path)).toBeUndefined();
    }
    chmodSync(path, 0o600);
    for (const mode of [0o770, 0o707]) {
      chmodSync(above, mode);
      expect(CodeFile.open(path)).toBeUndefined();
      expect(() => writeCodeFile(path, () => codes)).toThrow("can be written by others");
    }
    chmodSync(above, 0o700);
    expect(CodeFile.open(path)).toBeDefined();
  });

  it.runIf(process.geteuid?.() === 0)("is not believed where it is another user's, or its folder is", () => {
    const path = written();
    const above = join(path, "..");
    for (const changed of [path, above]) {
      chownSync(changed, 12_345, 12_345);
      expect(CodeFile.open(path)).toBeUndefined();
      chownSync(changed, 0, 0);
    }
    expect(CodeFile.open(path)).toBeDefined();
  });

  it("is none where there is none, or something else", () => {
    const path = join(folder(), "program");
    expect(CodeFile.open(path)).toBeUndefined();
    mkdirSync(path, { mode: 0o700 });
    expect(CodeFile.open(path)).toBeUndefined();
    expect(CodeFile.open(join(path, "no", "folder"))).toBeUndefined();
  });
});
