import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { publicUrl, readGitState } from "../../src/build/git.ts";
import { type Content, Folder } from "./folder.ts";

const variables = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.com",
  GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z",
};

async function git(directory: string, ...command: readonly string[]): Promise<string> {
  const result = await execa("git", ["-C", directory, ...command], { env: variables, extendEnv: false });
  return result.stdout;
}

async function repository(files: Readonly<Record<string, Content>> = { a: "one" }): Promise<Folder> {
  const folder = await Folder.of(files);
  await git(folder.path, "init", "--quiet", "--initial-branch=main");
  await git(folder.path, "add", "--all");
  await git(folder.path, "commit", "--quiet", "--message=one");
  return folder;
}

describe("the state of the sources", () => {
  it("of a clean tree", async () => {
    await using folder = await repository({ a: "one", ".gitignore": "ignored\n" });
    await git(folder.path, "remote", "add", "origin", "https://me:token@example.com/shop.git?token=x");
    await folder.write("ignored", "x");
    expect(await readGitState(folder.path, { variables })).toEqual({
      commit: await git(folder.path, "rev-parse", "HEAD"),
      dirty: false,
      branch: "main",
      source: "https://example.com/shop.git",
      commitTime: new Date("2026-01-02T03:04:05Z"),
      warning: undefined,
    });
  });

  it("is dirty with a changed, staged, deleted or untracked file anywhere in the repository", async () => {
    for (const change of [
      (folder: Folder) => folder.write("a", "two"),
      (folder: Folder) => folder.write("new file\nwith a line", ""),
      (folder: Folder) => git(folder.path, "rm", "--quiet", "a"),
      (folder: Folder) => git(folder.path, "rm", "--quiet", "--cached", "a"),
    ]) {
      await using folder = await repository({ a: "one", "sub/b": "" });
      await change(folder);
      expect(await readGitState(folder.join("sub"), { variables })).toMatchObject({ dirty: true });
    }
  });

  it("is not dirty by files of secrets, which are in no build", async () => {
    await using folder = await repository({ a: "one", "sub/b": "" });
    await folder.write("sub/.envctl/secrets.prod.env", "TOKEN=x");
    await folder.write(".envctl/secrets.env", "TOKEN=x");
    expect(await readGitState(folder.join("sub"), { variables })).toMatchObject({ dirty: false });
    await folder.write("sub/.envctl/hooks/before-build", "");
    expect(await readGitState(folder.path, { variables })).toMatchObject({ dirty: true });
  });

  it("is unknown, without a fuss, outside a repository and without git", async () => {
    await using folder = await Folder.of({});
    const nothing = { commit: undefined, dirty: false, source: undefined, warning: undefined };
    expect(await readGitState(folder.path, { variables })).toMatchObject(nothing);
    expect(await readGitState(folder.path, { variables: { PATH: folder.path } })).toMatchObject(nothing);
  });

  it("of a repository without commits", async () => {
    await using folder = await Folder.of({ a: "" });
    await git(folder.path, "init", "--quiet", "--initial-branch=main");
    expect(await readGitState(folder.path, { variables })).toMatchObject({
      commit: undefined,
      commitTime: undefined,
      branch: "main",
      warning: undefined,
    });
  });

  it("of a detached head, a shallow clone, a worktree and a SHA-256 repository", async () => {
    await using folder = await repository();
    const commit = await git(folder.path, "rev-parse", "HEAD");
    await git(folder.path, "checkout", "--quiet", "--detach");
    expect(await readGitState(folder.path, { variables })).toMatchObject({ commit, branch: undefined });
    await using other = await Folder.of({});
    await git(folder.path, "worktree", "add", "--quiet", other.join("tree"));
    expect(await readGitState(other.join("tree"), { variables })).toMatchObject({ commit, dirty: false });
    await git(other.path, "clone", "--quiet", "--depth=1", `file://${folder.path}`, "shallow");
    expect(await readGitState(other.join("shallow"), { variables })).toMatchObject({ commit, source: undefined });
    await git(other.path, "init", "--quiet", "--object-format=sha256", "long");
    await git(other.join("long"), "commit", "--quiet", "--allow-empty", "--message=x");
    expect((await readGitState(other.join("long"), { variables })).commit).toMatch(/^[0-9a-f]{64}$/);
  });

  it("of a repository that git refuses to read says how to trust it", async () => {
    await using folder = await repository();
    // git's own switch for its tests: everything belongs to somebody else.
    const state = await readGitState(folder.path, {
      variables: { ...variables, GIT_TEST_ASSUME_DIFFERENT_OWNER: "1" },
    });
    expect(state.commit).toBeUndefined();
    expect(state.warning).toContain(`git config --global --add safe.directory ${folder.path}`);
  });

  it("is that of the folder even inside another repository's hook", async () => {
    await using folder = await repository();
    await using hook = await repository({ b: "other" });
    const inside = { ...variables, GIT_DIR: hook.join(".git"), GIT_INDEX_FILE: hook.join(".git/index") };
    const commit = await git(folder.path, "rev-parse", "HEAD");
    expect(await readGitState(folder.path, { variables: inside })).toMatchObject({ commit, dirty: false });
  });

  it("is read without running what the repository's configuration names", async () => {
    await using folder = await repository();
    const program = folder.join(".git/spy");
    await folder.write(".git/spy", { text: `#!/bin/sh\ntouch '${folder.path}/.git/ran'\n`, mode: 0o755 });
    await git(folder.path, "config", "core.fsmonitor", program);
    await readGitState(folder.path, { variables });
    await expect(execa("test", ["-e", folder.join(".git/ran")])).rejects.toThrow();
  });
});

describe("the source's address", () => {
  it.each([
    ["https://user:secret@example.com/a/b.git", "https://example.com/a/b.git"],
    ["https://ghp_token@example.com/a", "https://example.com/a"],
    ["git@example.com:team/shop.git", "ssh://example.com/team/shop.git"],
    ["ssh://git:pw@example.com:2222/shop", "ssh://example.com:2222/shop"],
    ["/home/me/shop", undefined],
    ["../shop", undefined],
    ["file:///home/me/shop", undefined],
    ["ext::sh -c 'x'", undefined],
    ["C:\\shop", undefined],
    ["", undefined],
  ])("of %s is %s", (remote, expected) => {
    expect(publicUrl(remote)).toBe(expected);
  });
});
