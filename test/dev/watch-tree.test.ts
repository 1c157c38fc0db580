import { closeSync, mkdirSync, openSync, rmSync, watch, writeFileSync, writeSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { execa, execaSync } from "execa";
import { describe, expect, it } from "vitest";
import { Folder } from "../build/folder.ts";
import { Watched } from "./watched.ts";

/** Longer than any quiet time. */
const quiet = 400;

async function folderWith(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  return await Folder.of({ Dockerfile: "FROM scratch\n", ...files });
}

/** Root may read everything: what is to be refused is tried as somebody else. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe("watching a tree", () => {
  it("no events: tells nothing of a tree that is left alone, nor of one that is read", async () => {
    await using folder = await folderWith({ "a/b.txt": "b" });
    await using watched = await Watched.of(folder);
    await readFile(folder.join("a/b.txt"));
    await setTimeout(quiet);
    expect(watched.batches).toEqual([]);
  });

  it("atime-only triggers, and times that are touched, change nothing", async () => {
    await using folder = await folderWith({ "a.txt": "a" });
    await using watched = await Watched.of(folder);
    await utimes(folder.join("a.txt"), new Date(0), new Date());
    await setTimeout(quiet);
    expect(watched.changes).toEqual([]);
  });

  it("no watches: an empty folder is watched, too, and what comes to it is seen", async () => {
    await using folder = await folderWith();
    await using watched = await Watched.of(folder);
    await folder.write("first", "1");
    await watched.converged();
  });

  it("sends a single save at once", async () => {
    await using folder = await folderWith({ "a.txt": "a" });
    await using watched = await Watched.of(folder);
    const begun = performance.now();
    await writeFile(folder.join("a.txt"), "b");
    await watched.converged();
    expect(watched.changes).toEqual([["a.txt"]]);
    expect(performance.now() - begun).toBeLessThan(200);
  });

  it("ordering over 8 directories: each write ends up as the last one", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `d${index}/file`);
    await using folder = await folderWith(Object.fromEntries(names.map((name) => [name, ""])));
    await using watched = await Watched.of(folder);
    for (let round = 0; round < 5; round += 1) {
      for (const name of names) await writeFile(folder.join(name), `${name} ${round}`);
    }
    await watched.converged();
  });

  it("recursive; new directories; file and parent created at once; a path that did not exist yet", async () => {
    await using folder = await folderWith();
    await using watched = await Watched.of(folder);
    await folder.write("x/y/z/deep.txt", "1");
    await watched.converged();
    await writeFile(folder.join("x/y/z/deep.txt"), "2");
    await folder.write("x/y/new/other.txt", "1");
    await watched.converged();
    await writeFile(folder.join("x/y/new/other.txt"), "2");
    await watched.converged();
  });

  it("directory and file both: modes of either are seen", async () => {
    await using folder = await folderWith({ "d/f": "1" });
    await using watched = await Watched.of(folder);
    await chmod(folder.join("d/f"), 0o755);
    await watched.converged();
    await chmod(folder.join("d"), 0o700);
    await watched.converged();
  });

  it("branch switch that makes and removes 10 × 10 directories", async () => {
    await using folder = await folderWith();
    await using watched = await Watched.of(folder);
    const make = async (text: string) => {
      for (let index = 0; index < 100; index += 1) await folder.write(`b${index % 10}/c${index}/file`, text);
    };
    await make("one");
    await watched.converged();
    for (let index = 0; index < 10; index += 1) await rm(folder.join(`b${index}`), { recursive: true });
    await watched.converged();
    await make("two");
    await watched.converged();
    await writeFile(folder.join("b3/c33/file"), "three");
    await watched.converged();
  });

  it("remove; remove and add back, and what is written then", async () => {
    await using folder = await folderWith({ "d/a": "a", b: "b" });
    await using watched = await Watched.of(folder);
    await rm(folder.join("b"));
    await watched.converged();
    await rm(folder.join("d"), { recursive: true });
    await folder.write("d/a", "again");
    await watched.converged();
    await writeFile(folder.join("d/a"), "and again");
    await watched.converged();
  });

  it("move and replace (.swp), then write again: 50 of 50", async () => {
    await using folder = await folderWith({ "src/a.txt": "0" });
    await using watched = await Watched.of(folder);
    for (let round = 1; round <= 50; round += 1) {
      await writeFile(folder.join("src/.a.txt.swp"), `saved ${round}`);
      await rename(folder.join("src/.a.txt.swp"), folder.join("src/a.txt"));
      await watched.converged();
      await writeFile(folder.join("src/a.txt"), `written ${round}`);
      await watched.converged();
    }
  }, 60_000);

  it("moves of whole folders, and writes in them afterwards", async () => {
    await using folder = await folderWith({ "one/two/three": "3", "one/four": "4" });
    await using watched = await Watched.of(folder);
    await rename(folder.join("one"), folder.join("moved"));
    await watched.converged();
    await writeFile(folder.join("moved/two/three"), "other");
    await watched.converged();
    await folder.write("one/two/three", "new in the old place");
    await watched.converged();
  });

  it("broken and good symlinks, a file that becomes a folder, sockets", async () => {
    await using folder = await folderWith({ "a/real": "1", swap: "file" });
    await using watched = await Watched.of(folder);
    await symlink("nowhere", folder.join("broken"));
    await symlink("a", folder.join("good"));
    await watched.converged();
    await rm(folder.join("swap"));
    await folder.write("swap/inside", "1");
    await rm(folder.join("good"));
    await folder.write("good", "a file now");
    const server = createServer().listen(folder.join("socket"));
    try {
      await watched.converged();
      expect(watched.local.tree.has("socket")).toBe(false);
    } finally {
      server.close();
    }
  });

  it("editors' temporary files that are gone again change nothing", async () => {
    await using folder = await folderWith({ "a.txt": "a" });
    await using watched = await Watched.of(folder);
    // Both before anybody can look.
    writeFileSync(folder.join("4913"), "");
    rmSync(folder.join("4913"));
    await setTimeout(quiet);
    expect(watched.changes).toEqual([]);
  });

  it("100 events, one batch", async () => {
    await using folder = await folderWith({ "a.txt": "a" });
    await using watched = await Watched.of(folder);
    // All before anybody can look, however slow the machine is.
    const file = openSync(folder.join("a.txt"), "w");
    for (let index = 0; index < 100; index += 1) writeSync(file, "x");
    closeSync(file);
    await watched.converged();
    await setTimeout(quiet);
    expect(watched.changes.length).toBeLessThanOrEqual(2);
    expect(watched.batches.length).toBeLessThanOrEqual(2);
  });

  it("files ignored and un-ignored: folders that become wanted are watched from then on", async () => {
    await using folder = await folderWith({
      "node_modules/m/index.js": "1",
      "a.log": "",
      ".dockerignore": "node_modules\n*.log\n",
    });
    await using watched = await Watched.of(folder);
    await writeFile(folder.join("node_modules/m/index.js"), "2");
    await writeFile(folder.join("a.log"), "more");
    await setTimeout(quiet);
    expect(watched.batches).toEqual([]);
    await writeFile(folder.join(".dockerignore"), "*.log\n");
    await watched.converged();
    expect(watched.local.tree.has("node_modules/m/index.js")).toBe(true);
    await setTimeout(quiet);
    await writeFile(folder.join("node_modules/m/index.js"), "3");
    await watched.converged();
    await rm(folder.join(".dockerignore"));
    await watched.converged();
    expect(watched.local.tree.has("a.log")).toBe(true);
  });

  it("the Dockerfile is told of even where it is ignored", async () => {
    await using folder = await folderWith({ ".dockerignore": "Dockerfile\n" });
    await using watched = await Watched.of(folder);
    await writeFile(folder.join("Dockerfile"), "FROM busybox\n");
    await expect
      .poll(() => watched.batches.flatMap(({ files }) => [...files]))
      .toContain(`${watched.local.root}/Dockerfile`);
  });

  it.each([
    ["files that count", "a.txt"],
    ["files that are ignored", "a.log"],
  ])("event queue overflow by %s: what came after it, and was never told of, is seen", async (_, name) => {
    await using folder = await folderWith({ ".dockerignore": "*.log\n", [name]: "", [`other-${name}`]: "" });
    await using watched = await Watched.of(folder);
    const queue = Number(await readFile("/proc/sys/fs/inotify/max_queued_events", "utf8"));
    // Of two files in turn, so that the system puts no events together, and few enough paths that it is no storm.
    const script = `const fs = require("fs");
const files = ["${name}", "other-${name}"].map((name) => fs.openSync(name, "w"));
for (let i = 0; i < ${queue + 100}; i++) fs.writeSync(files[i % 2], "x");
for (let i = 0; i < 50; i++) fs.writeFileSync("late" + i, "late");`;
    // Nothing is read meanwhile.
    execaSync(process.execPath, ["-e", script], { cwd: folder.path });
    await watched.converged();
    expect(watched.local.tree.has("late49")).toBe(true);
    expect(watched.batches[0]?.dirty).toBe("everything");
  });

  it("a storm that overflows the queue again and again, while batches are under way", async () => {
    await using folder = await folderWith();
    await using watched = await Watched.of(folder);
    // In pauses, so that there are batches in between.
    const script = `const fs = require("fs");
const files = Array.from({ length: 500 }, (_, i) => fs.openSync("f" + i, "w"));
for (let round = 0; round < 5; round++) {
  for (let i = 0; i < 20000; i++) fs.writeSync(files[i % 500], "x");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
}
fs.writeFileSync("last", "last");`;
    const child = execa(process.execPath, ["-e", script], { cwd: folder.path });
    let ended = false;
    void child.finally(() => {
      ended = true;
    });
    while (!ended) {
      const until = Date.now() + 150;
      while (Date.now() < until);
      await setTimeout(30);
    }
    await watched.converged(20_000);
  }, 60_000);

  it.each([
    ["ENOSPC", 0],
    ["EMFILE", 3],
    // Enough until a folder is added.
    ["ENOSPC", 4],
  ])(
    "no more watches (%s after %d): looks at everything now and then instead, at single files, too",
    async (code, limit) => {
      await using folder = await folderWith({ "a/b/c.txt": "1", ".dockerignore": "Dockerfile\n" });
      let given = 0;
      await using watched = await Watched.of(folder, {
        watch: (path, listener) => {
          given += 1;
          if (given > limit) throw Object.assign(new Error(code), { code });
          return watch(path, listener);
        },
      });
      await folder.write("x/y/new.txt", "1");
      await watched.converged();
      expect(watched.watch.mode).toBe("polling");
      expect(watched.notes).toEqual([
        expect.stringMatching(/looked at every few seconds.*fs\.inotify\.max_user_watches/),
      ]);
      await writeFile(folder.join("a/b/c.txt"), "2");
      await writeFile(folder.join("Dockerfile"), "FROM busybox\n");
      await rm(folder.join("x"), { recursive: true });
      await watched.converged();
      const told = () => watched.batches.flatMap(({ files }) => [...files]);
      await expect.poll(told).toContain(`${watched.local.root}/Dockerfile`);
    },
  );

  it("unreadable directory skipped, and an unreadable file: named once, and the rest goes on; seen again once they may be read", () =>
    asNobody(async () => {
      await using folder = await folderWith({ open: "1", later: "1", secret: "1", "locked/deep/inside": "1" });
      const modes = async (mode: number, ...paths: string[]) => {
        for (const path of paths) await chmod(folder.join(path), mode);
      };
      await modes(0, "secret", "locked");
      await using watched = await Watched.of(folder);
      const passedOver = (path: string) => expect.stringMatching(`"${path}" was passed over: .*EACCES`);
      expect(watched.local.notes).toEqual([passedOver("locked"), passedOver("secret")]);
      await writeFile(folder.join("open"), "2");
      await watched.converged();
      await modes(0, "later");
      await expect.poll(() => watched.notes).toEqual([passedOver("later")]);
      await writeFile(folder.join("open"), "3");
      await expect.poll(() => watched.changes).toEqual([["open"], ["open"]]);
      // What it was counts on.
      expect(watched.local.tree.get("later")).toMatchObject({ kind: "file" });
      await modes(0o644, "later", "secret");
      await modes(0o755, "locked");
      await watched.converged();
      await writeFile(folder.join("locked/deep/inside"), "2");
      await watched.converged();
      expect(watched.local.tree.has("locked/deep/inside")).toBe(true);
      expect(watched.notes).toEqual([passedOver("later")]);
    }));

  it.each(["a repository", "a linked work tree"])(
    "waits for git's index.lock in %s, and sends one net change",
    async (kind) => {
      await using folder = await folderWith({ ".dockerignore": ".git\n", "a.txt": "a", "b.txt": "b" });
      await using outside = await Folder.of({ "gitdir/HEAD": "" });
      if (kind === "a repository") await mkdir(folder.join(".git"));
      else await folder.write(".git", `gitdir: ${outside.join("gitdir")}\n`);
      const lock = kind === "a repository" ? folder.join(".git/index.lock") : outside.join("gitdir/index.lock");
      await using watched = await Watched.of(folder);
      await writeFile(lock, "");
      await writeFile(folder.join("a.txt"), "half");
      await setTimeout(quiet);
      await writeFile(folder.join("b.txt"), "half");
      await setTimeout(quiet);
      expect(watched.batches).toEqual([]);
      await writeFile(folder.join("b.txt"), "b");
      await writeFile(folder.join("a.txt"), "whole");
      await rm(lock);
      await watched.converged();
      expect(watched.changes).toEqual([["a.txt"]]);
      expect(watched.batches[0]?.heldByGit).toBeGreaterThan(quiet);
    },
  );

  it("a lock of git that never goes is waited for some seconds, and told of once", async () => {
    await using folder = await folderWith({ ".dockerignore": ".git\n", ".git/index.lock": "", "a.txt": "a" });
    await using watched = await Watched.of(folder);
    await writeFile(folder.join("a.txt"), "b");
    await watched.converged(10_000);
    await writeFile(folder.join("a.txt"), "c");
    await watched.converged(1_000);
    expect(watched.notes).toEqual([expect.stringContaining("index.lock")]);
  });

  it("the folder itself moved away and back is watched again", async () => {
    await using parent = await Folder.of({ "project/Dockerfile": "FROM scratch\n", "project/a.txt": "a" });
    const folder = { path: parent.join("project"), join: (path: string) => parent.join(`project/${path}`) } as Folder;
    await using watched = await Watched.of(folder);
    await rename(folder.path, parent.join("away"));
    await mkdir(folder.path);
    await writeFile(folder.join("Dockerfile"), "FROM scratch\n");
    await watched.converged();
    await writeFile(folder.join("a.txt"), "new");
    await watched.converged();
  });

  it("the folder itself deleted and made anew, which may get the same inode, is watched again", async () => {
    await using parent = await Folder.of({ "project/Dockerfile": "FROM scratch\n", "project/a.txt": "a" });
    const folder = { path: parent.join("project"), join: (path: string) => parent.join(`project/${path}`) } as Folder;
    await using watched = await Watched.of(folder);
    rmSync(folder.path, { recursive: true });
    mkdirSync(folder.path);
    writeFileSync(folder.join("Dockerfile"), "FROM scratch\n");
    await watched.converged();
    await writeFile(folder.join("a.txt"), "new");
    await watched.converged();
  });

  it("a file that counts although it is ignored is seen again after its folder was deleted and made anew", async () => {
    await using folder = await folderWith({ "docker/Dockerfile": "FROM scratch\n", ".dockerignore": "docker\n" });
    await using watched = await Watched.of(folder, { dockerfile: "docker/Dockerfile" });
    const told = () => watched.batches.flatMap(({ files }) => [...files]);
    const dockerfile = `${watched.local.root}/docker/Dockerfile`;
    await rm(folder.join("docker"), { recursive: true });
    await expect.poll(told).toContain(dockerfile);
    await setTimeout(quiet);
    watched.batches.length = 0;
    await folder.write("docker/Dockerfile", "FROM busybox\n");
    await expect.poll(told).toContain(dockerfile);
    await setTimeout(quiet);
    watched.batches.length = 0;
    await writeFile(dockerfile, "FROM alpine\n");
    await expect.poll(told).toContain(dockerfile);
  });
});
