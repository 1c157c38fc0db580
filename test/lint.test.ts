import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(join(root, "src", path), "utf8") }));

function violations(pattern: RegExp, allowed: (path: string) => boolean): string[] {
  return sources.filter(({ path, text }) => !allowed(path) && pattern.test(text)).map(({ path }) => path);
}

describe("the sources", () => {
  it("keep to the layers", async () => {
    const { exitCode, all } = await execa("node_modules/.bin/depcruise", ["src"], {
      cwd: root,
      reject: false,
      all: true,
    });
    expect(all).toMatch(/no dependency violations/);
    expect(exitCode).toBe(0);
  }, 60_000);

  it("are files of one job: none beyond 300 lines", () => {
    const long = sources.filter(({ text }) => text.split("\n").length > 300).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it("have no attic", () => {
    expect(
      sources.map(({ path }) => path).filter((path) => /(?:^|[/-])(?:utils?|helpers?|misc|common)[./-]/.test(path)),
    ).toEqual([]);
  });

  it("print and leave the process in the command line alone", () => {
    expect(
      violations(/(?<![.#\w])process\.(?:exit\(|(?:stdout|stderr)\.write)/, (path) => path.startsWith("cli/")),
    ).toEqual([]);
  });

  it("use time limits that fire", () => {
    expect(violations(/AbortSignal\.timeout\(/, (path) => path === "base/time-limit.ts")).toEqual([]);
  });

  it("start no shell", () => {
    expect(
      violations(/\bshell: true\b|\bexec(?:File)?Sync\b|\{[^}]*\bexec\b[^}]*\} from "node:child_process"/, () => false),
    ).toEqual([]);
  });
});

it("the lock file names no registry but npm's public one", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const hosts = [...lock.matchAll(/"(?:resolved|tarball)": "(?:git\+)?\w+:\/\/([^/"]+)/g)].map(([, host]) => host);
  expect(hosts.filter((host) => host !== "registry.npmjs.org")).toEqual([]);
});
