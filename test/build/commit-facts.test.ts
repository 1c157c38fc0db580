import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { readCommit } from "../../src/build/commit-facts.ts";
import { Folder } from "./folder.ts";

const variables = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada Lovelace",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "somebody else",
  GIT_COMMITTER_EMAIL: "else@example.com",
};

async function git(directory: string, ...command: readonly string[]): Promise<string> {
  return (await execa("git", ["-C", directory, ...command], { env: variables, extendEnv: false })).stdout;
}

/** A repository with one commit, and a key that signs. */
async function repository(): Promise<Folder> {
  const folder = await Folder.of({ a: "one" });
  await git(folder.path, "init", "--quiet", "--initial-branch=main");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", folder.join("key")]);
  for (const [name, value] of [
    ["gpg.format", "ssh"],
    ["user.signingkey", folder.join("key.pub")],
  ] as const) {
    await git(folder.path, "config", name, value);
  }
  await commit(folder);
  return folder;
}

async function commit(folder: Folder, ...options: string[]): Promise<string> {
  await git(folder.path, "commit", "--quiet", "--allow-empty", "--message=one", ...options);
  return await git(folder.path, "rev-parse", "HEAD");
}

const ask = (folder: Folder, id: string, signature = false) =>
  readCommit(folder.path, id, { signature }, { variables });

describe("what git knows of a commit", () => {
  it("its author, and the branches that have it, here and of remotes", async () => {
    await using folder = await repository();
    const first = await git(folder.path, "rev-parse", "HEAD");
    await git(folder.path, "checkout", "--quiet", "-b", "release/1");
    const second = await commit(folder);
    await git(folder.path, "update-ref", "refs/remotes/origin/release/2", second);
    await git(folder.path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release/2");
    await git(folder.path, "update-ref", "refs/remotes/upstream/main", first);
    await git(folder.path, "tag", "v1", second);
    const author = { name: "Ada Lovelace", email: "ada@example.com" };
    expect(await ask(folder, first)).toEqual({
      ...{ id: first, author, branches: ["main", "release/1", "release/2"], signature: undefined },
    });
    expect(await ask(folder, second)).toMatchObject({ branches: ["release/1", "release/2"] });
  });

  it("whether its signature is one that git accepts", async () => {
    await using folder = await repository();
    const plain = await git(folder.path, "rev-parse", "HEAD");
    const signed = await commit(folder, "-S");
    expect(await ask(folder, plain, true)).toMatchObject({ signature: { valid: false, words: "it is not signed" } });
    // Nobody has said yet whose the key is.
    expect(await ask(folder, signed, true)).toMatchObject({
      ...{ signature: { valid: false, words: expect.stringMatching(/^git does not accept its signature: ./) } },
    });
    const [kind, key] = (await execa("cat", [folder.join("key.pub")])).stdout.split(" ");
    await folder.write("signers", `else@example.com ${kind} ${key}\n`);
    await git(folder.path, "config", "gpg.ssh.allowedSignersFile", folder.join("signers"));
    expect(await ask(folder, signed, true)).toMatchObject({ signature: { valid: true } });
  });

  it("why it says nothing: a commit that it does not have, no repository, no git", async () => {
    await using folder = await repository();
    const id = "0123456789abcdef0123456789abcdef01234567";
    expect(await ask(folder, id)).toEqual({
      unknown: expect.stringMatching(/^git does not know 0123456789ab here: ./),
    });
    await using empty = await Folder.of({});
    expect(await ask(empty, id)).toEqual({
      unknown: expect.stringMatching(/not a git repository/),
      next: "run it in a clone of the sources",
    });
    const nowhere = { variables: { ...variables, PATH: "/nonexistent" } };
    expect(await readCommit(folder.path, id, { signature: true }, nowhere)).toEqual({
      unknown: "git is not installed here, and nobody else knows 0123456789ab",
      next: "install git on this machine",
    });
  });
});
