import { type GitOptions, git, remedyFor } from "./git.ts";

/** What git knows of a commit that a release was built of. */
export interface Commit {
  readonly id: string;
  readonly author: { readonly name: string; readonly email: string };
  /** Branches that have it, here and of remotes, without the remotes' names; each once. */
  readonly branches: readonly string[];
  /** Of its signature; undefined where nobody asked. */
  readonly signature: { readonly valid: boolean; readonly words: string } | undefined;
}

/** Why git says nothing of a commit, and what a person can do about it where fetching it is not what helps. */
export interface UnknownCommit {
  readonly unknown: string;
  readonly next?: string | undefined;
}

/**
 * Asks the repository that holds `directory` about a commit (its full name, in hex). Never throws but for the signal: where git
 * is not there or does not know the commit, it says why.
 */
export async function readCommit(
  directory: string,
  id: string,
  wanted: { readonly signature: boolean },
  options: GitOptions,
): Promise<Commit | UnknownCommit> {
  const short = id.slice(0, 12);
  const author = await git(
    directory,
    ["log", "--max-count=1", "--no-show-signature", "--format=%an%x00%ae", id, "--"],
    options,
  );
  if (author.failure !== undefined) {
    const missing = author.failure === "not-installed";
    const unknown = missing
      ? `git is not installed here, and nobody else knows ${short}`
      : `git does not know ${short} here: ${firstLine(author.failure)}`;
    return { unknown, next: remedyFor(author.failure, directory) };
  }
  const [name = "", email = ""] = author.output.trimEnd().split("\0");
  const references = await git(
    directory,
    ["for-each-ref", `--contains=${id}`, "--format=%(refname)", "refs/heads", "refs/remotes"],
    options,
  );
  return {
    id,
    author: { name, email },
    branches: [...new Set(references.output.split("\n").flatMap(branchOf))].sort(),
    signature: wanted.signature ? await readSignature(directory, id, options) : undefined,
  };
}

/** `refs/heads/release/1`, `refs/remotes/origin/release/1`: both are the branch `release/1`. */
function branchOf(reference: string): string[] {
  const [, name] = /^refs\/(?:heads|remotes\/[^/]+)\/(.+)$/.exec(reference) ?? [];
  return name === undefined || reference.endsWith("/HEAD") ? [] : [name];
}

async function readSignature(directory: string, id: string, options: GitOptions) {
  const answer = await git(directory, ["verify-commit", id], options);
  if (answer.failure === undefined) return { valid: true, words: "git accepts its signature" };
  // For a commit that has none, git says nothing at all.
  const silent = answer.failure.startsWith("Command failed");
  const why = silent ? "it is not signed" : `git does not accept its signature: ${lastLine(answer.failure)}`;
  return { valid: false, words: why };
}

/** What the program that checks it says at the end is what came of it. */
function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.replace(/^fatal: /, "") ?? "";
}
