import { messageOf } from "../base/errors.ts";

/** What git says of the sources. Without git or a repository all is unknown, and that is no error. */
export interface GitState {
  /** Full object name of HEAD. */
  readonly commit: string | undefined;
  /** Whether the work tree has changes or untracked files; ignored files don't count. True where git can't tell. */
  readonly dirty: boolean;
  readonly branch: string | undefined;
  /** URL of `origin` (or the only other remote), without credentials. */
  readonly source: string | undefined;
  readonly commitTime: Date | undefined;
  /** Why something is unknown that a person would expect to be known. */
  readonly warning: string | undefined;
}

const unknown: GitState = {
  commit: undefined,
  dirty: false,
  branch: undefined,
  source: undefined,
  commitTime: undefined,
  warning: undefined,
};

export interface GitOptions {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** `name=value`, for this call alone. */
  readonly settings?: readonly string[] | undefined;
}

/** All of the repository but files of secrets, which are in no build: they must not make a commit's own checkout another. */
const sources = [":/", ":(top,exclude,glob)**/.envctl/secrets.env", ":(top,exclude,glob)**/.envctl/secrets.*.env"];

/** Reads the state of the repository that holds `directory`. Never throws but for the signal. */
export async function readGitState(directory: string, options: GitOptions): Promise<GitState> {
  const looking = ["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "-z"];
  const status = await git(directory, [...looking, "--", ...sources], options);
  if (status.failure === "not-installed") return unknown;
  if (status.failure !== undefined) return { ...unknown, warning: explain(status.failure, directory) };
  const lines = status.output.split("\0");
  const header = (name: string) => lines.find((line) => line.startsWith(`# ${name} `))?.slice(name.length + 3);
  const commit = header("branch.oid");
  const branch = header("branch.head");
  const state: GitState = {
    ...unknown,
    dirty: lines.some((line) => line !== "" && !line.startsWith("# ")),
    branch: branch === "(detached)" ? undefined : branch,
    source: await readSource(directory, options),
  };
  if (commit === undefined || commit === "(initial)") return state;
  const time = await git(directory, ["show", "--no-patch", "--no-show-signature", "--format=%ct", commit], options);
  const seconds = Number.parseInt(time.output, 10);
  return { ...state, commit, commitTime: Number.isFinite(seconds) ? new Date(seconds * 1000) : undefined };
}

interface Answer {
  readonly output: string;
  /** `not-installed`, git's own message, or undefined where all went well. */
  readonly failure: string | undefined;
}

/** Set by git for its hooks: they would point every call at the hook's repository instead of `directory`'s. */
const inherited = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_COMMON_DIR",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
];

/** One call of git's, by an argument list and in no shell, with nothing of a hook's that called envctl. Throws for the signal alone. */
export async function git(directory: string, command: readonly string[], options: GitOptions): Promise<Answer> {
  const environment = Object.fromEntries(
    Object.entries(options.variables).filter(([name]) => !inherited.includes(name)),
  );
  const settings = [
    // A program named by the repository's own configuration: looking at a repository must not run it.
    "core.fsmonitor=false",
    // Hooks are for whoever works in the repository: in a checkout to be built they would fail, or leave files of their own.
    "core.hooksPath=/dev/null",
    // Where versions are counted, 1.0.0-rc.1 comes before 1.0.0 (Semantic Versioning §11), as git alone does not have it.
    "versionsort.suffix=-",
    ...(options.settings ?? []),
  ].flatMap((setting) => ["-c", setting]);
  const { execa } = await import("execa");
  const result = await execa("git", [...settings, "-C", directory, ...command], {
    env: { ...environment, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    stripFinalNewline: false,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  if (!result.failed) return { output: result.stdout, failure: undefined };
  if (result.code === "ENOENT") return { output: "", failure: "not-installed" };
  return { output: "", failure: result.stderr.trim() || messageOf(result) };
}

function explain(failure: string, directory: string): string | undefined {
  if (isNoRepository(failure)) return undefined;
  const folder = distrusted(failure, directory);
  if (folder !== undefined)
    return `git refuses to read ${folder} because someone else owns it, so the commit is unknown. To trust it: ${trust(folder)}`;
  return `git can't tell the commit: ${failure.split("\n")[0] ?? ""}`;
}

/** What a person can do about a failure that keeps git from saying anything at all of `directory`; undefined for any other. */
export function remedyFor(failure: string, directory: string): string | undefined {
  if (failure === "not-installed") return "install git on this machine";
  if (isNoRepository(failure)) return "run it in a clone of the sources";
  const folder = distrusted(failure, directory);
  return folder === undefined ? undefined : `trust the folder: ${trust(folder)}`;
}

export function isNoRepository(failure: string): boolean {
  return failure.includes("not a git repository");
}

/** The folder that git does not read because someone else owns it. */
function distrusted(failure: string, directory: string): string | undefined {
  if (!failure.includes("dubious ownership")) return undefined;
  return /safe\.directory (\S.*)$/m.exec(failure)?.[1] ?? directory;
}

function trust(folder: string): string {
  return `git config --global --add safe.directory ${folder}`;
}

async function readSource(directory: string, options: GitOptions): Promise<string | undefined> {
  const origin = await git(directory, ["config", "--get", "remote.origin.url"], options);
  if (origin.failure === undefined) return publicUrl(origin.output.trim());
  const remotes = await git(directory, ["config", "--get-regexp", "^remote\\..*\\.url$"], options);
  const urls = remotes.output.split("\n").flatMap((line) => /^\S+ (.+)$/.exec(line)?.[1] ?? []);
  return urls.length === 1 && urls[0] !== undefined ? publicUrl(urls[0]) : undefined;
}

/**
 * The remote as it may be shown to anyone who can pull the image: no user names, passwords or tokens. Undefined for what
 * isn't a public place: paths of this machine, `file:` and git's helper transports.
 */
export function publicUrl(remote: string): string | undefined {
  const scp = /^(?:[^@/\s]+@)?([A-Za-z0-9.-]{2,}):(?!\/\/)(\S+)$/.exec(remote);
  if (scp !== null && !remote.includes("::")) return `ssh://${scp[1]}/${(scp[2] ?? "").replace(/^\//, "")}`;
  if (!URL.canParse(remote)) return undefined;
  const url = new URL(remote);
  if (!["http:", "https:", "ssh:", "git:"].includes(url.protocol) || url.hostname === "") return undefined;
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return url.href;
}
