import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { fetchRefs } from "../../src/build/git-refs.ts";
import { Folder } from "./folder.ts";

const variables = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_GLOBAL: "/dev/null" };

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
