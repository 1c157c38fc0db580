import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listContext } from "../../src/build/context.ts";
import { type BuildInputs, fingerprintBuild } from "../../src/build/fingerprint.ts";
import { StatCache } from "../../src/build/stat-cache.ts";
import { Folder } from "./folder.ts";

const plain: BuildInputs = { target: undefined, args: {}, secrets: [], platforms: [] };

async function hash(folder: Folder, inputs: BuildInputs = plain, cacheDirectory?: string): Promise<string> {
  const context = await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") });
  return (await fingerprintBuild(context, inputs, { cacheDirectory })).hash;
}

const sample = {
  Dockerfile: "FROM scratch\n",
  ".dockerignore": "ignored\n",
  "src/a": "one",
  "src/b": "two",
  link: { link: "src/a" },
  "ignored/x": "x",
};

describe("the fingerprint of a build", () => {
  it("is the same in another place, at another time, made in another order", async () => {
    await using first = await Folder.of(sample);
    await using second = await Folder.of(Object.fromEntries(Object.entries(sample).reverse()));
    await utimes(second.join("src/a"), 1, 1);
    expect(await hash(second)).toBe(await hash(first));
    await second.write("ignored/y", "y");
    await writeFile(second.join("ignored/x"), "changed");
    expect(await hash(second)).toBe(await hash(first));
  });

  const changes: Readonly<Record<string, (folder: Folder) => Promise<unknown>>> = {
    content: (folder) => writeFile(folder.join("src/a"), "onf"),
    "content at the end": (folder) => writeFile(folder.join("src/a"), "one\n"),
    "two contents swapped": async (folder) => {
      await writeFile(folder.join("src/a"), "two");
      await writeFile(folder.join("src/b"), "one");
    },
    name: (folder) => rename(folder.join("src/a"), folder.join("src/c")),
    permission: (folder) => chmod(folder.join("src/a"), 0o755),
    "directory's permission": (folder) => chmod(folder.join("src"), 0o700),
    "a new empty directory": (folder) => mkdir(folder.join("empty")),
    "a file less": (folder) => rm(folder.join("src/b")),
    "link's target": async (folder) => {
      await rm(folder.join("link"));
      await folder.write("link", { link: "src/b" });
    },
    "a link made a file": async (folder) => {
      await rm(folder.join("link"));
      await folder.write("link", "one");
    },
    Dockerfile: (folder) => writeFile(folder.join("Dockerfile"), "FROM scratch\n# more\n"),
    "what is ignored": (folder) => writeFile(folder.join(".dockerignore"), "# nothing\n"),
  };
  it.each(Object.entries(changes))("changes with %s", async (_, change) => {
    await using folder = await Folder.of(sample);
    const before = await hash(folder);
    await change(folder);
    expect(await hash(folder)).not.toBe(before);
  });

  it("does not change with an excluded Dockerfile's surroundings, but with its text", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM a\n", ".dockerignore": "Dockerfile\n.dockerignore\n" });
    const before = await hash(folder);
    await writeFile(folder.join(".dockerignore"), "Dockerfile\n.dockerignore\n# comment\n");
    expect(await hash(folder)).toBe(before);
    await writeFile(folder.join("Dockerfile"), "FROM b\n");
    expect(await hash(folder)).not.toBe(before);
  });

  it("tells different inputs apart, and only those", async () => {
    await using folder = await Folder.of({ Dockerfile: "FROM scratch\n" });
    const context = await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") });
    const word = fc.string({ maxLength: 3, unit: fc.constantFrom("a", "b", '"', ",", "=", "\n") });
    const inputs = fc.record({
      target: fc.option(word, { nil: undefined }),
      args: fc.dictionary(word, word, { maxKeys: 3 }),
      secrets: fc.uniqueArray(word, { maxLength: 2 }),
      platforms: fc.uniqueArray(word, { maxLength: 2 }),
    });
    const canonical = ({ target, args, secrets, platforms }: BuildInputs) =>
      JSON.stringify([target ?? null, Object.entries(args).sort(), [...secrets].sort(), [...platforms].sort()]);
    await fc.assert(
      fc.asyncProperty(inputs, inputs, async (a, b) => {
        const [first, second] = [await fingerprintBuild(context, a), await fingerprintBuild(context, b)];
        expect(first.hash === second.hash).toBe(canonical(a) === canonical(b));
      }),
      { numRuns: 300 },
    );
  });
});

const contentHash = (text: string) => createHash("sha256").update(text).digest("hex");

describe("the cache of stamps", () => {
  it("remembers no file that was touched just before it was read: its stamp may hide a second change", async () => {
    await using directory = await Folder.of({});
    const readAt = 1_000_000;
    const stamp = (changed: number) => ({ size: 1, modified: 1, changed, inode: 1 });
    const cache = await StatCache.open(directory.path, "/x");
    cache.remember("racy", stamp(readAt - 2_000), "a", readAt);
    cache.remember("future", stamp(readAt + 60_000), "b", readAt);
    cache.remember("settled", stamp(readAt - 3_000), "c", readAt);
    await cache.save("/x");
    const reopened = await StatCache.open(directory.path, "/x");
    expect(reopened.find("racy", stamp(readAt - 2_000))).toBeUndefined();
    expect(reopened.find("future", stamp(readAt + 60_000))).toBeUndefined();
    expect(reopened.find("settled", stamp(readAt - 3_000))).toBe("c");
    for (const other of [{ size: 2 }, { modified: 2 }, { changed: readAt - 4_000 }, { inode: 2 }]) {
      expect(reopened.find("settled", { ...stamp(readAt - 3_000), ...other })).toBeUndefined();
    }
    expect((await StatCache.open(directory.path, "/y")).find("settled", stamp(readAt - 3_000))).toBeUndefined();
  });

  /** Files that nobody touched lately: the others are never remembered. */
  async function settled(): Promise<Folder> {
    const folder = await Folder.of({ ...sample, cache: { text: "", mode: 0o600 } });
    await rm(folder.join("cache"));
    return folder;
  }

  it("never gives a stale hash, however fast a file changes and whatever its times say", async () => {
    await using folder = await settled();
    await using cache = await Folder.of({});
    const seen = new Set<string>();
    for (let round = 0; round < 100; round += 1) {
      // Same size, and the modification time put back: what tells is the status time, if the clock moved on at all.
      await writeFile(folder.join("src/a"), String(round).padStart(3, "0"));
      await utimes(folder.join("src/a"), 1, 1);
      seen.add(await hash(folder, plain, cache.path));
    }
    expect(seen.size).toBe(100);
  });

  it("reads no file again that was left alone, and is right again after any damage", async () => {
    await using folder = await settled();
    await using cache = await Folder.of({});
    const right = await hash(folder);
    await new Promise((resolve) => setTimeout(resolve, 2_600));
    expect(await hash(folder, plain, cache.path)).toBe(right);
    const name = (await readdir(cache.path))[0] ?? "";
    const text = await readFile(join(cache.path, name), "utf8");
    expect(text).toContain('"src/a"');

    // Proof that the cache is used, not the files: a forged hash with a valid checksum shows in the fingerprint.
    const context = await listContext({ context: folder.path, dockerfile: folder.join("Dockerfile") });
    const again = async () => (await fingerprintBuild(context, plain, { cacheDirectory: cache.path })).hash;
    const body = text.slice(text.indexOf("\n") + 1).replace(contentHash("one"), contentHash("forged"));
    const checksum = contentHash(`${context.root}\0${body}`);
    await writeFile(join(cache.path, name), `envctl-stat-cache-1 ${checksum}\n${body}`);
    expect(await again()).not.toBe(right);

    const size = text.length;
    for (const damaged of [
      "",
      "x",
      text.slice(0, size / 2),
      text.replace("src/a", "src/c"),
      text.replaceAll("1", "2"),
    ]) {
      await writeFile(join(cache.path, name), damaged);
      expect(await again()).toBe(right);
      // Mended, and believed again.
      expect(await readFile(join(cache.path, name), "utf8")).toContain(contentHash("one"));
    }
    // An unwritable cache is no error.
    expect(await hash(folder, plain, folder.join("Dockerfile/none"))).toBe(right);
  });
});
