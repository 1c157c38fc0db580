import { readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { expect, it, vi } from "vitest";
import { CodeFile } from "../../../src/cli/start/code-file.ts";
import { CompiledCode } from "../../../src/cli/start/compiled-code.ts";
import { folder } from "../command.ts";

const chunksOf = (path: string) => [...(CodeFile.open(path)?.chunks ?? [])].sort();

it("is found by the next run, and refused by V8 for another source", () => {
  const place = join(folder(), "envctl", "code");
  const before = new CompiledCode(place, "program");
  expect(before.find("./main.js")).toBeUndefined();
  const source = "(function () { return 42; })";
  before.add("./main.js", new Script(source));
  before.save();
  expect(statSync(place).mode & 0o777).toBe(0o700);
  const cachedData = new CompiledCode(place, "program").find("./main.js");
  expect(cachedData).toBeDefined();
  // In a context that has not compiled it yet: V8 remembers what it compiled, and asks nobody.
  expect(new Script(source.replace("42", "43"), { cachedData }).cachedDataRejected).toBe(false);
  expect(new Script(`${source} `, { cachedData }).cachedDataRejected).toBe(true);
});

it("of runs at the same time is kept together", () => {
  const place = folder();
  const runs = ["./a.js", "./b.js", "./c.js"].map((chunk) => {
    const run = new CompiledCode(place, "program");
    run.add(chunk, new Script("1"));
    return run;
  });
  for (const run of runs) run.save();
  expect(chunksOf(join(place, "program"))).toEqual(["./a.js", "./b.js", "./c.js"]);
  expect(readdirSync(place)).toEqual(["program"]);
});

it("is written once, and not by a run that compiled nothing", () => {
  const place = folder();
  const run = new CompiledCode(place, "program");
  run.save();
  expect(readdirSync(place)).toEqual([]);
  run.add("./a.js", new Script("1"));
  run.save();
  const { ino } = statSync(join(place, "program"));
  run.save();
  expect(statSync(join(place, "program")).ino).toBe(ino);
});

it("of a run that goes on is saved once nothing new was loaded for some time", () => {
  vi.useFakeTimers();
  try {
    const path = join(folder(), "program");
    const run = new CompiledCode(join(path, ".."), "program");
    run.add("./a.js", new Script("1"));
    vi.advanceTimersByTime(4_000);
    run.add("./b.js", new Script("2"));
    vi.advanceTimersByTime(4_000);
    expect(chunksOf(path)).toEqual([]);
    vi.advanceTimersByTime(2_000);
    expect(chunksOf(path)).toEqual(["./a.js", "./b.js"]);
    run.add("./c.js", new Script("3"));
    run.save();
    expect(chunksOf(path)).toEqual(["./a.js", "./b.js", "./c.js"]);
  } finally {
    vi.useRealTimers();
  }
});

it("is no trouble where it cannot be written", () => {
  const file = join(folder({ file: "" }), "file");
  const run = new CompiledCode(join(file, "code"), "program");
  const script = new Script("1");
  const create = vi.spyOn(script, "createCachedData");
  run.add("./a.js", script);
  run.save();
  expect(create).not.toHaveBeenCalled();
});

it("of other builds is kept for the newest four, and what was left half written is not", () => {
  const place = folder();
  for (const [age, name] of ["one", "two", "three", "four", "five", "six", "program.0123456789ab"].entries()) {
    writeFileSync(join(place, name), "");
    utimesSync(join(place, name), 1000 - age, 1000 - age);
  }
  const run = new CompiledCode(place, "program");
  run.add("./a.js", new Script("1"));
  run.save();
  expect(readdirSync(place).sort()).toEqual(["four", "one", "program", "three", "two"]);
});
