import { relative } from "node:path";
import type { Remark } from "../../base/errors.ts";
import { cleanLine } from "../view/clean.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** What a CI service makes of the lines of a log, and the files that it reads when a command is done. */
export interface CiService {
  /** Opens a part of the log that can be folded away. */
  readonly open: (id: string, title: string, at: Date) => string;
  readonly close: (id: string, at: Date) => string;
  /** A line that shows beside the file's own line; undefined where the service has no such thing. */
  readonly remark: (remark: Remark) => string | undefined;
  /** Takes the sting out of a foreign line that the service would take as a command of ours. */
  readonly defuse: (text: string) => string;
}

/** Files that are written for the steps that come after. */
export interface CiFiles {
  /** `name=value` lines. */
  readonly outputs: { readonly file: string; readonly prefix: string } | undefined;
  /** Markdown. */
  readonly summary: string | undefined;
  /** Remarks on the environment file, in GitLab's form of Code Climate's. */
  readonly codeQuality: string | undefined;
  /** Of the repository: remarks name files from there. */
  readonly root: string | undefined;
}

/** GitHub Actions and GitLab by the variables that they set; undefined elsewhere. */
export function ciService(variables: Variables): CiService | undefined {
  if (variables.GITHUB_ACTIONS === "true") return github(variables);
  return variables.GITLAB_CI === "true" ? gitlab : undefined;
}

export function ciFiles(variables: Variables): CiFiles {
  const own = variables.ENVCTL_OUTPUT;
  const github = variables.GITHUB_OUTPUT;
  return {
    outputs: own ? { file: own, prefix: "ENVCTL_" } : github ? { file: github, prefix: "" } : undefined,
    summary: variables.ENVCTL_SUMMARY || variables.GITHUB_STEP_SUMMARY || undefined,
    codeQuality: variables.ENVCTL_CODE_QUALITY || undefined,
    root: variables.CI_PROJECT_DIR || variables.GITHUB_WORKSPACE || undefined,
  };
}

/** Workflow commands of GitHub Actions. */
function github({ GITHUB_WORKSPACE }: Variables): CiService {
  return {
    open: (_, title) => `::group::${cleanLine(title)}`,
    close: () => "::endgroup::",
    remark: ({ severity, file, line, column, message }) => {
      const shown = GITHUB_WORKSPACE ? relative(GITHUB_WORKSPACE, file) : file;
      return `::${severity} file=${property(shown)},line=${line},col=${column}::${data(message)}`;
    },
    // A command is a line that begins so, whatever white space stands before it; ##[…] is how they were written once.
    defuse: (text) => text.replace(/^(?=\s*(?:::|##\[))/gm, "│ "),
  };
}

/** Collapsible sections of GitLab's job logs; their names must be unique in a job. */
const gitlab: CiService = {
  open: (id, title, at) => `${section("start", at, id)}[collapsed=true]\r\u001b[0K${cleanLine(title)}`,
  close: (id, at) => `${section("end", at, id)}\r\u001b[0K`,
  remark: () => undefined,
  defuse: (text) => text.replace(/\bsection_(?=start:|end:)/g, "section-"),
};

function section(edge: "start" | "end", at: Date, id: string): string {
  return `\u001b[0Ksection_${edge}:${Math.floor(at.getTime() / 1000)}:${id}`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
