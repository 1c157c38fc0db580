import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ensureBundle, envctl, folder } from "../command.ts";

beforeAll(ensureBundle);

/** A home for the cache, and what `envctl help` says with it. */
class Home {
  readonly cache = folder();
  readonly #place = join(this.cache, "envctl", "code");

  /** All that a person or a pipeline sees of a run. */
  async run(options: Record<string, string> = {}) {
    return await envctl(["help"], { env: { XDG_CACHE_HOME: this.cache, ...options } });
  }

  get names(): string[] {
    return readdirSync(this.#place);
  }

  /** That of Node without flags. */
  get file(): string {
    return join(this.#place, this.names.find((name) => name.endsWith(process.arch)) ?? "");
  }

  /** Another after each time that it was written. */
  get writing(): number {
    return statSync(this.file).ino;
  }
}

/** What `envctl help` says where nothing can be kept. */
async function said() {
  const answer = await envctl(["help"], { env: { XDG_CACHE_HOME: "/dev/null" } });
  expect(answer).toMatchObject({ exitCode: 0, stderr: "" });
  expect(answer.stdout).toContain("promote");
  return answer;
}

describe("compiled code", () => {
  it("is kept by the first run, taken by the second, and completed by whoever loads more", async () => {
    const home = new Home();
    const answer = await said();
    expect(await home.run()).toEqual(answer);
    const first = home.writing;
    expect(await home.run()).toEqual(answer);
    expect(home.writing).toBe(first);
    await envctl(["validate"], { cwd: folder(), env: { XDG_CACHE_HOME: home.cache } });
    const more = home.writing;
    expect(more).not.toBe(first);
    expect(await home.run()).toEqual(answer);
    expect(home.writing).toBe(more);
    expect(home.names).toHaveLength(1);
  });

  it("that is damaged is compiled and written anew, wherever the damage is", async () => {
    const home = new Home();
    const answer = await said();
    await home.run();
    const good = readFileSync(home.file);
    const damages = [
      Buffer.alloc(0),
      Buffer.alloc(good.length),
      good.subarray(0, good.length - 1),
      Buffer.from("something else"),
      ...[0, 10, 0.3, 0.6, 0.99].map((where) => {
        const bytes = Buffer.from(good);
        const at = where < 1 ? Math.floor(where * good.length) : where;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      }),
    ];
    for (const damaged of damages) {
      writeFileSync(home.file, damaged);
      const before = home.writing;
      expect(await home.run()).toEqual(answer);
      expect(home.writing).not.toBe(before);
      expect(readFileSync(home.file).length).toBeGreaterThan(good.length / 2);
    }
  });

  it("is another for each version of Node and its flags, and what V8 refuses is compiled anew", async () => {
    const home = new Home();
    const answer = await said();
    const flags = { NODE_OPTIONS: "--max-old-space-size=200" };
    await home.run();
    const { file, writing } = home;
    expect(basename(file)).toMatch(new RegExp(`^program-[0-9a-f]{16}-${process.version}-${process.arch}$`));
    expect(await home.run(flags)).toEqual(answer);
    expect(home.names).toHaveLength(2);
    expect(await home.run()).toEqual(answer);
    expect(home.writing).toBe(writing);
    const [other = ""] = home.names.filter((name) => name !== basename(file));
    copyFileSync(join(dirname(file), other), file);
    expect(await home.run()).toEqual(answer);
    expect(home.writing).not.toBe(writing);
  });

  it("is done without where it cannot be kept, or where others could write it", async () => {
    const home = new Home();
    const answer = await said();
    writeFileSync(join(home.cache, "envctl"), "no folder");
    expect(await home.run()).toEqual(answer);
    rmSync(join(home.cache, "envctl"));
    mkdirSync(join(home.cache, "envctl", "code"), { recursive: true });
    chmodSync(join(home.cache, "envctl", "code"), 0o777);
    expect(await home.run()).toEqual(answer);
    expect(home.names).toEqual([]);
  });

  it("is kept whole by many runs at once", async () => {
    const home = new Home();
    const answer = await said();
    const answers = await Promise.all(Array.from({ length: 8 }, () => home.run()));
    for (const one of answers) expect(one).toEqual(answer);
    expect(home.names).toHaveLength(1);
    const before = home.writing;
    expect(await home.run()).toEqual(answer);
    expect(home.writing).toBe(before);
  });
});
