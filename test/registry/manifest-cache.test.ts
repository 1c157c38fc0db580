import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { ManifestCache } from "../../src/registry/manifest-cache.ts";
import type { ManifestPack } from "../../src/registry/manifest-pack.ts";

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "envctl-manifests-"));
  folder = join(home, "envctl", "records");
});
afterEach(() => rmSync(home, { recursive: true }));

const manifestOf = (number: number, text = "") => Buffer.from(JSON.stringify({ number, text }));

/** As the next command does. */
async function opened(name = "shop"): Promise<ManifestPack> {
  const pack = new ManifestCache(folder).pack(name);
  await pack.open();
  return pack;
}

async function keep(numbers: readonly number[], text = ""): Promise<void> {
  const pack = await opened();
  for (const number of numbers) {
    const bytes = manifestOf(number, text);
    pack.keep(digestOf(bytes), number, bytes);
  }
  await pack.save();
}

const found = (pack: ManifestPack, numbers: readonly number[], text = "") =>
  numbers.filter((number) => pack.find(digestOf(manifestOf(number, text)))?.equals(manifestOf(number, text)));

function file(): string {
  const [name = ""] = readdirSync(folder);
  return join(folder, name);
}

it("keeps what was read for the next command, for its user alone, and each name for itself", async () => {
  await keep([3, 2]);
  await keep([1, 2]);
  const pack = await opened();
  expect([found(pack, [1, 2, 3, 4]), [...pack.numbers].sort()]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect([statSync(folder).mode & 0o777, statSync(file()).mode & 0o777]).toEqual([0o700, 0o600]);
  expect(readFileSync(file(), "utf8").match(/"number":2/g)).toHaveLength(1);
  const other = await opened("other");
  expect([found(other, [1, 2, 3]), other.numbers.size]).toEqual([[], 0]);
});

it("finds what was just kept before it is written", async () => {
  const pack = await opened();
  pack.keep(digestOf(manifestOf(1)), 1, manifestOf(1));
  expect(found(pack, [1])).toEqual([1]);
});

it("takes a manifest that was altered for none, keeps it anew, and leaves nothing of the other", async () => {
  await keep([1, 2, 3]);
  writeFileSync(file(), readFileSync(file(), "utf8").replace('"number":2', '"number":7'));
  const pack = await opened();
  expect(found(pack, [1, 2, 3])).toEqual([1, 3]);
  pack.keep(digestOf(manifestOf(2)), 2, manifestOf(2));
  await pack.save();
  expect(found(await opened(), [1, 2, 3])).toEqual([1, 2, 3]);
  expect(readFileSync(file(), "utf8")).not.toContain('"number":7');
});

it("takes a manifest under the digest of another for none", async () => {
  await keep([1, 2]);
  const hex = (number: number) => digestOf(manifestOf(number)).slice("sha256:".length);
  const text = readFileSync(file(), "utf8");
  writeFileSync(file(), text.replace(hex(1), "?").replace(hex(2), hex(1)).replace("?", hex(2)));
  expect(found(await opened(), [1, 2])).toEqual([]);
});

it("finds what stands before the place where the file breaks off, and takes new ones after it", async () => {
  await keep([1, 2, 3]);
  const whole = readFileSync(file());
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(file(), whole.subarray(0, length));
    const pack = await opened();
    const kept = found(pack, [1, 2, 3]);
    expect(kept).toEqual([1, 2, 3].slice(0, kept.length));
    // Another command, which has not seen that it is broken.
    await keep([4]);
    const next = found(await opened(), [1, 2, 3, 4]);
    expect(next).toEqual([...kept, 4]);
    await keep([1, 2, 3]);
    expect(found(await opened(), [1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
  }
});

it("takes a file of anything else for an empty one", async () => {
  await keep([1]);
  for (const garbage of [Buffer.alloc(5000, 0xff), Buffer.from("\n\n\n"), Buffer.from(`${"a".repeat(64)} 12 `)]) {
    writeFileSync(file(), garbage);
    expect(found(await opened(), [1])).toEqual([]);
    await keep([1]);
    expect(found(await opened(), [1])).toEqual([1]);
  }
});

it("does without where it cannot write or read", async () => {
  writeFileSync(join(home, "envctl"), "in the way");
  await keep([1, 2]);
  expect(found(await opened(), [1, 2])).toEqual([]);
  expect(readFileSync(join(home, "envctl"), "utf8")).toBe("in the way");
});

it("does not keep a manifest of several lines", async () => {
  const pack = await opened();
  const bytes = Buffer.from('{\n"number":1}');
  pack.keep(digestOf(bytes), 1, bytes);
  expect(pack.find(digestOf(bytes))).toBeUndefined();
  await pack.save();
  expect(readdirSync(home)).toEqual([]);
});

it("keeps the newest where all would be too much", async () => {
  const text = "x".repeat(1024 * 1024);
  const numbers = Array.from({ length: 30 }, (_, index) => index);
  await keep(numbers, text);
  await keep([40, 41], text);
  const pack = await opened();
  expect(found(pack, [...numbers, 40, 41], text)).toEqual([...numbers.slice(-21), 40, 41]);
  expect(statSync(file()).size).toBeLessThan(24 * 1024 * 1024);
  expect(readdirSync(folder)).toHaveLength(1);
});

it("takes away what got nothing new for long, once there is another pack", async () => {
  await keep([1]);
  const left = file();
  writeFileSync(`${left}.left-by-a-killed-command`, "x");
  const days = (count: number) => new Date(Date.now() - count * 24 * 3_600_000);
  utimesSync(`${left}.left-by-a-killed-command`, days(91), days(91));
  utimesSync(left, days(89), days(89));
  writeFileSync(join(folder, "somebody-else's"), "x");
  utimesSync(join(folder, "somebody-else's"), days(91), days(91));
  const pack = await opened("other");
  pack.keep(digestOf(manifestOf(1)), 1, manifestOf(1));
  await pack.save();
  expect(readdirSync(folder)).toHaveLength(3);
  expect(readdirSync(folder)).toContain("somebody-else's");
  expect(found(await opened(), [1])).toEqual([1]);
});

it("is shared by commands that run side by side", async () => {
  const script = fileURLToPath(new URL("keeping-process.ts", import.meta.url));
  const commands = [0, 100, 200].map((from) =>
    spawn(process.execPath, ["--import", "tsx", script, folder, String(from), String(from + 150)], {
      stdio: ["pipe", "pipe", "inherit"],
    }),
  );
  await Promise.all(commands.map(opens));
  const ends = commands.map(ended);
  for (const { stdin } of commands) stdin.write("go\n");
  expect(await Promise.all(ends)).toEqual([0, 0, 0]);
  const pack = await opened();
  const text = "x".repeat(2000);
  expect(
    found(
      pack,
      Array.from({ length: 350 }, (_, number) => number),
      text,
    ),
  ).toHaveLength(350);
  // What two of them kept stands there twice until something is added.
  await keep([1000]);
  expect(readFileSync(file(), "utf8").split("\n")).toHaveLength(1 + 350 + 1);
});

const opens = (child: ChildProcess) => new Promise((resolve) => child.stdout?.once("data", resolve));
const ended = (child: ChildProcess) => new Promise((resolve) => child.once("exit", resolve));
