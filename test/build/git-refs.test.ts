import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { readGitState } from "../../src/build/git.ts";
import { branchHead, fetchRefs, highestTag, tagsAt, withCheckout } from "../../src/build/git-refs.ts";
import { Folder } from "./folder.ts";

const variables = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_GLOBAL: "/dev/null" };
const person = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.com",
};

/** git takes no submodules from folders by itself. */
const localSubmodules = {
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "protocol.file.allow",
  GIT_CONFIG_VALUE_0: "always",
};

async function git(directory: string, ...command: readonly string[]): Promise<string> {
  const env = { ...variables, ...person };
  return (await execa("git", ["-C", directory, ...command], { env, extendEnv: false })).stdout;
}

/** A folder with a repository in `sources`, each of whose commits is empty. */
async function sources(): Promise<Folder> {
  const folder = await Folder.of({});
  await git(folder.path, "init", "--quiet", "--initial-branch=main", "sources");
  await commit(folder);
  return folder;
}

async function commit(folder: Folder): Promise<string> {
  await git(folder.join("sources"), "commit", "--quiet", "--allow-empty", "--message=x");
  return await git(folder.join("sources"), "rev-parse", "HEAD");
}

async function addSubmodule(folder: Folder, outer: string, inner: string): Promise<void> {
  const allowed = ["-c", "protocol.file.allow=always"];
  await git(folder.join(outer), ...allowed, "submodule", "--quiet", "add", folder.join(inner), inner);
  await git(folder.join(outer), "commit", "--quiet", "--message=x");
}

describe("refs that cannot be fetched", () => {
  it("because there is no repository", async () => {
    await using folder = await Folder.of({});
    await expect(fetchRefs(folder.path, { variables })).rejects.toMatchObject({
      message: `${folder.path} is in no git repository`,
      next: "run it in a clone of the sources",
      evidence: [],
    });
  });

  it("because git is not there", async () => {
    await using folder = await Folder.of({});
    await expect(fetchRefs(folder.path, { variables: { PATH: folder.path } })).rejects.toMatchObject({
      message: "git is not installed",
      next: "install git on this machine",
    });
  });

  it("because somebody else owns the repository", async () => {
    await using folder = await Folder.of({});
    await execa("git", ["init", "--quiet", folder.path]);
    const foreign = { ...variables, GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" };
    await expect(fetchRefs(folder.path, { variables: foreign })).rejects.toMatchObject({
      next: `trust the folder: git config --global --add safe.directory ${folder.path}`,
    });
  });
});

describe("the newest commit of a branch", () => {
  it("is the remote's, whatever its only remote is called", async () => {
    await using folder = await sources();
    await git(folder.path, "clone", "--quiet", "--origin=upstream", "sources", "clone");
    const newest = await commit(folder);
    await fetchRefs(folder.join("clone"), { variables });
    expect(await branchHead(folder.join("clone"), "main", { variables })).toEqual({ name: "main", commit: newest });
  });

  it("is that of no other branch whose name goes on behind it", async () => {
    await using folder = await sources();
    await git(folder.join("sources"), "branch", "release/1");
    expect(await branchHead(folder.join("sources"), "release", { variables })).toBeUndefined();
    expect(await branchHead(folder.join("sources"), "release/1", { variables })).toBeDefined();
  });
});

describe("the highest tag", () => {
  it("is the release and not what was a candidate for it", async () => {
    await using folder = await sources();
    const directory = folder.join("sources");
    for (const tag of ["v1.9.0", "v1.10.0-rc.2", "v1.10.0-rc.10"]) await git(directory, "tag", tag);
    expect(await highestTag(directory, "v*", { variables })).toMatchObject({ name: "v1.10.0-rc.10" });
    const released = await commit(folder);
    await git(directory, "tag", "--annotate", "--message=x", "v1.10.0");
    expect(await highestTag(directory, "v*", { variables })).toEqual({ name: "v1.10.0", commit: released });
  });

  it("has its own name where a branch has it, too", async () => {
    await using folder = await sources();
    const directory = folder.join("sources");
    const head = await git(directory, "rev-parse", "HEAD");
    await git(directory, "tag", "v1");
    await git(directory, "branch", "v1");
    expect(await highestTag(directory, "v*", { variables })).toEqual({ name: "v1", commit: head });
    expect(await tagsAt(directory, head, "v*", { variables })).toEqual(["v1"]);
  });
});

describe("a checkout", () => {
  it("runs none of the hooks that are for people", async () => {
    await using folder = await sources();
    const directory = folder.join("sources");
    const text = "#!/bin/sh\ntouch left-by-hook\nexit 3\n";
    await folder.write("sources/.git/hooks/post-checkout", { text, mode: 0o755 });
    const files = await withCheckout(directory, "HEAD", { variables }, async (checkout) => await readdir(checkout));
    expect(files).toEqual([".git"]);
  });

  it("has the files of submodules, theirs, too, and leaves no word of it in the user's repository", async () => {
    const allowed = { ...variables, ...localSubmodules };
    await using folder = await sources();
    const directory = folder.join("sources");
    for (const name of ["library", "base"]) await git(folder.path, "clone", "--quiet", "sources", name);
    await folder.write("base/file", "base");
    await git(folder.join("base"), "add", ".");
    await git(folder.join("base"), "commit", "--quiet", "--message=x");
    await addSubmodule(folder, "library", "base");
    await addSubmodule(folder, "sources", "library");
    await git(folder.path, "clone", "--quiet", "sources", "clone");
    const before = await readFile(folder.join("clone/.git/config"), "utf8");
    const found = await withCheckout(folder.join("clone"), "HEAD", { variables: allowed }, async (checkout) => [
      await readdir(join(checkout, "library")),
      await readFile(join(checkout, "library/base/file"), "utf8"),
      (await readGitState(checkout, { variables: allowed })).dirty,
    ]);
    expect(found).toEqual([[".git", ".gitmodules", "base"], "base", false]);
    expect(await readFile(folder.join("clone/.git/config"), "utf8")).toBe(before);
    expect(await readdir(folder.join("clone/.git"))).not.toContain("worktrees");
    expect(await git(directory, "status", "--porcelain")).toBe("");
  });

  it("is none where a submodule cannot be brought", async () => {
    await using folder = await sources();
    const directory = folder.join("sources");
    await git(folder.path, "clone", "--quiet", "sources", "library");
    await addSubmodule(folder, "sources", "library");
    await rm(folder.join("library"), { recursive: true });
    const checkout = withCheckout(
      directory,
      "HEAD",
      { variables: { ...variables, ...localSubmodules } },
      async () => {},
    );
    await expect(checkout).rejects.toMatchObject({ message: "git submodule failed", exitCode: 5 });
  });
});
