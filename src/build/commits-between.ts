import { execa } from "execa";
import type { GitOptions } from "./git.ts";

export interface CommitLine {
  readonly id: string;
  readonly subject: string;
  /** `left`: in the first release alone; `right`: in the second alone. */
  readonly side: "left" | "right";
}

/** The commits that one of two releases has and the other has not; none where git does not know both. */
export async function commitsBetween(
  directory: string,
  left: string | undefined,
  right: string | undefined,
  options: GitOptions,
): Promise<CommitLine[]> {
  if (left === undefined || right === undefined || left === right) return [];
  const result = await execa(
    "git",
    ["log", "--left-right", "--max-count=200", "--format=%m%x09%H%x09%s", `${left}...${right}`, "--"],
    {
      cwd: directory,
      env: options.variables,
      extendEnv: false,
      reject: false,
      ...(options.signal ? { cancelSignal: options.signal } : {}),
    },
  );
  if (result.exitCode !== 0) return [];
  return result.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [mark = "", id = "", ...subject] = line.split("\t");
      return { id, subject: subject.join("\t"), side: mark === "<" ? "left" : "right" } as const;
    });
}
