import { type GitOptions, git } from "./git.ts";

interface CommitLine {
  readonly id: string;
  readonly author: string;
  /** RFC 3339. */
  readonly at: string;
  readonly subject: string;
  /** `left`: in the first release alone; `right`: in the second alone. */
  readonly side: "left" | "right";
}

/** Which commits lie between two releases, or why that cannot be told here. */
export type CommitsBetween = { readonly commits: readonly CommitLine[] } | { readonly unknown: string };

/** ASCII unit separator: no name has one. */
const separator = "\u001f";
/** More than anybody reads. */
const most = 200;

interface Side {
  readonly stage: string;
  /** As the release was recorded; undefined where it was built without git. */
  readonly commit: string | undefined;
}

/** The commits that one of two releases has and the other has not, newest first. */
export async function commitsBetween(
  directory: string,
  left: Side,
  right: Side,
  options: GitOptions,
): Promise<CommitsBetween> {
  for (const { stage, commit } of [left, right]) {
    if (commit === undefined) return { unknown: `what ${stage} runs was built without git: it names no commit` };
    const found = await git(directory, ["cat-file", "-e", `${commit}^{commit}`], options);
    if (found.failure === "not-installed") return { unknown: "git is not installed here" };
    if (found.failure === undefined) continue;
    return { unknown: `commit ${commit.slice(0, 12)} of ${stage} is not in this clone: git fetch` };
  }
  if (left.commit === right.commit) return { commits: [] };
  const range = `${left.commit}...${right.commit}`;
  const format = "--format=%m%x1f%H%x1f%aI%x1f%an%x1f%s";
  const log = await git(directory, ["log", "--left-right", `--max-count=${most}`, format, range, "--"], options);
  if (log.failure !== undefined) return { unknown: `git does not tell: ${log.failure.split("\n")[0]}` };
  const lines = log.output.split("\n").filter((line) => line !== "");
  return { commits: lines.map(readLine) };
}

function readLine(line: string): CommitLine {
  const [mark = "", id = "", at = "", author = "", ...subject] = line.split(separator);
  return { id, author, at, subject: subject.join(separator), side: mark === "<" ? "left" : "right" };
}
