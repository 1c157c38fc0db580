import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordOf } from "./processes.ts";
import { claimNumber } from "./workers.ts";

describe("the number of a lab", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "envctl-claims-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is nobody else's, however many ask at a time", async () => {
    const numbers = await Promise.all([1, 2, 3].map(() => claimNumber(folder, 3)));
    expect(numbers.sort()).toEqual([1, 2, 3]);
  });

  it("is free again once its process has ended, and waited for until then", async () => {
    const ended = { ...recordOf(process.pid), started: "0" };
    await claimNumber(folder, 1);
    let second: number | undefined;
    const waiting = claimNumber(folder, 1).then((number) => {
      second = number;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(second).toBeUndefined();
    await writeFile(join(folder, "1"), JSON.stringify(ended));
    await waiting;
    expect(second).toBe(1);
  });
});
