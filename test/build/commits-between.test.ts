import { execa } from "execa";
import { expect, it } from "vitest";
import { commitsBetween } from "../../src/build/commits-between.ts";
import { Folder } from "./folder.ts";

const variables = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_COMMITTER_NAME: "c",
  GIT_COMMITTER_EMAIL: "c@example.com",
};

it("tells the commits of either side with their authors, or why it cannot", async () => {
  await using folder = await Folder.of({ a: "one" });
  const git = async (...command: string[]) =>
    (await execa("git", ["-C", folder.path, ...command], { env: variables, extendEnv: false })).stdout;
  const commit = async (author: string, subject: string) => {
    await git("-c", `user.name=${author}`, "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", subject);
    return await git("rev-parse", "HEAD");
  };
  await git("init", "-q", "--initial-branch=main");
  const base = await commit("Ada", "begin");
  await commit("Ada", "one\ttab");
  const left = await commit("Grace H", "two");
  await git("checkout", "-q", "-b", "fix", base);
  const right = await commit("Alan", "fix");
  const between = (one: string | undefined, other: string | undefined) =>
    commitsBetween(folder.path, { stage: "test", commit: one }, { stage: "prod", commit: other }, { variables });
  const told = await between(left, right);
  const lines =
    "commits" in told ? told.commits.map(({ side, author, subject }) => `${side} ${author}: ${subject}`) : [];
  expect(lines.sort()).toEqual(["left Ada: one\ttab", "left Grace H: two", "right Alan: fix"]);
  expect(await between(left, left)).toEqual({ commits: [] });
  const missing = "0123456789".repeat(4);
  expect(await between(left, missing)).toEqual({
    unknown: "commit 012345678901 of prod is not in this clone: git fetch",
  });
  expect(await between(undefined, left)).toEqual({
    unknown: "what test runs was built without git: it names no commit",
  });
  await using bare = await Folder.of({ a: "one" });
  const outside = { stage: "test", commit: left };
  expect(await commitsBetween(bare.path, outside, outside, { variables })).toEqual({
    unknown: expect.stringMatching(/not in this clone|git does not tell/),
  });
});
