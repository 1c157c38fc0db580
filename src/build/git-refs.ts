import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import { type GitOptions, git, isNoRepository, remedyFor } from "./git.ts";

/** Brings the refs of the remote here: of `origin`, or of the only other one; without any, nothing. Throws `git-failed` (exit 5). */
export async function fetchRefs(directory: string, options: GitOptions): Promise<void> {
  const remote = await remoteOf(directory, options);
  if (remote === undefined) return;
  await ask(directory, ["fetch", "--quiet", "--tags", "--prune", "--no-recurse-submodules", remote], options);
}

async function remoteOf(directory: string, options: GitOptions): Promise<string | undefined> {
  const remotes = (await ask(directory, ["remote"], options)).split("\n").filter((name) => name !== "");
  return remotes.includes("origin") ? "origin" : remotes.length === 1 ? remotes[0] : undefined;
}

/** The name of a tag as it is: git's short one has `tags/` before it where a branch has the same. */
const tagName = "%(refname:lstrip=2)";

/** The highest tag that matches, as versions are counted, and the commit it stands for. */
export async function highestTag(directory: string, pattern: string, options: GitOptions): Promise<Ref | undefined> {
  const format = `${tagName}%09%(objectname)%09%(*objectname)`;
  const command = [
    "for-each-ref",
    "--sort=-version:refname",
    "--count=1",
    `--format=${format}`,
    `refs/tags/${pattern}`,
  ];
  const [name, object, peeled] = (await ask(directory, command, options)).trim().split("\t");
  return name && object ? { name, commit: peeled || object } : undefined;
}

/** The newest commit of a branch, as the remote has it; the local branch where there is no remote. */
export async function branchHead(directory: string, branch: string, options: GitOptions): Promise<Ref | undefined> {
  const remote = await remoteOf(directory, options);
  const own = `refs/heads/${branch}`;
  for (const ref of remote === undefined ? [own] : [`refs/remotes/${remote}/${branch}`, own]) {
    // Where there is no `release`, git answers with `release/1`.
    const found = await ask(directory, ["for-each-ref", "--format=%(refname)%09%(objectname)", ref], options);
    const line = found.split("\n").find((one) => one.startsWith(`${ref}\t`));
    if (line !== undefined) return { name: branch, commit: line.slice(ref.length + 1) };
  }
  return undefined;
}

/** Tags of a commit that match. None where the commit is not known here. */
export async function tagsAt(
  directory: string,
  commit: string,
  pattern: string,
  options: GitOptions,
): Promise<string[]> {
  const answer = await git(
    directory,
    ["for-each-ref", "--points-at", commit, `--format=${tagName}`, `refs/tags/${pattern}`],
    options,
  );
  return answer.output.split("\n").filter((name) => name !== "");
}

export interface Ref {
  readonly name: string;
  readonly commit: string;
}

/**
 * Does `work` in a checkout of a commit, its submodules with it, that is gone afterwards; it gets the folder that corresponds to `directory`. The
 * user's own files are not touched.
 */
export async function withCheckout<Result>(
  directory: string,
  commit: string,
  options: GitOptions,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const top = (await ask(directory, ["rev-parse", "--show-toplevel"], options)).trim();
  const inside = relative(await realpath(top), await realpath(directory));
  const parent = await mkdtemp(join(tmpdir(), "envctl-checkout-"));
  const folder = join(parent, "sources");
  try {
    // What a killed run left of its checkout is forgotten first.
    await ask(directory, ["worktree", "prune"], options);
    await ask(directory, ["worktree", "add", "--quiet", "--detach", folder, commit], options);
    // Without `--init`, which would write their addresses into the configuration of the user's repository.
    await ask(folder, ["submodule", "--quiet", "update", "--recursive"], {
      ...options,
      settings: ["submodule.active=."],
    });
    const place = join(folder, inside);
    await mkdir(place, { recursive: true });
    return await work(place);
  } finally {
    await rm(parent, { recursive: true, force: true });
    await git(directory, ["worktree", "prune"], { ...options, signal: timeLimit(10_000) });
  }
}

/** What asks other machines, and may succeed the next time. */
const fromAfar = ["fetch", "submodule"];

async function ask(directory: string, command: readonly string[], options: GitOptions): Promise<string> {
  const { output, failure } = await git(directory, command, options);
  if (failure === undefined) return output;
  throw new EnvctlError({
    code: "git-failed",
    exitCode: fromAfar.includes(command[0] ?? "") ? ExitCode.unreachable : ExitCode.failed,
    ...reading(failure, command, directory),
    where: directory,
    state: "nothing was touched",
    next: remedyFor(failure, directory),
  });
}

function reading(failure: string, command: readonly string[], directory: string) {
  if (failure === "not-installed") return { what: "git is not installed" };
  if (isNoRepository(failure)) return { what: `${directory} is in no git repository` };
  return { what: `git ${command[0]} failed`, evidence: failure.split("\n").slice(-10) };
}
