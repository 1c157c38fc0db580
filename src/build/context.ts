import { lstatSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { DockerIgnore } from "./dockerignore.ts";
import { type ContextEntry, unreadable, Walk } from "./walk.ts";

export interface BuildContext {
  /** Absolute, links resolved. */
  readonly root: string;
  readonly dockerfile: { readonly path: string; readonly content: Buffer };
  /** The ignore file in force, absolute. */
  readonly ignoreFile: string | undefined;
  readonly ignore: DockerIgnore;
  /** Sorted by path; what `COPY . /` would deliver. */
  readonly entries: readonly ContextEntry[];
  /** What was left out that a person might miss. */
  readonly notes: readonly string[];
}

export interface ContextSource {
  /** Absolute path of the build context. */
  readonly context: string;
  /** Absolute path of the Dockerfile; it may lie outside the context. */
  readonly dockerfile: string;
}

/**
 * Lists a build context as Docker does: `.dockerignore` applied, links kept as links and never followed, sockets, pipes and
 * devices left out. Throws `context-missing`, `dockerfile-missing`, `context-unreadable`, `dockerfile-unreadable`,
 * `dockerignore-invalid`.
 */
export async function listContext(source: ContextSource, signal?: AbortSignal): Promise<BuildContext> {
  const root = await resolveRoot(source.context);
  const dockerfile = await readDockerfile(source.dockerfile);
  const { ignoreFile, ignore } = await readIgnoreFile(root, source.dockerfile);
  const walk = new Walk({ root, ignore, signal });
  await walk.directory("", undefined);
  walk.entries.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    root,
    dockerfile: { path: source.dockerfile, content: dockerfile },
    ignoreFile,
    ignore,
    entries: walk.entries,
    notes: walk.notes,
  };
}

/** Throws `context-missing`, `context-unreadable`. */
export async function resolveRoot(context: string): Promise<string> {
  const root = await realpath(context).catch((error: unknown) => missing("context", context, error));
  const isDirectory = lstatSync(root, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isDirectory ? root : missing("context", context, new Error("not a directory"));
}

/** Throws `dockerfile-missing`, `dockerfile-unreadable`. */
export async function readDockerfile(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => missing("dockerfile", path, error));
}

const sources = {
  context: { noun: "build context", next: "Set image.context in the environment file to the folder to build." },
  dockerfile: {
    noun: "Dockerfile",
    next: "Write a Dockerfile (`envctl init` makes one), or set image.dockerfile in the environment file.",
  },
} as const;

function missing(source: keyof typeof sources, path: string, cause: unknown): never {
  const { noun, next } = sources[source];
  const isForbidden = cause instanceof Error && "code" in cause && (cause.code === "EACCES" || cause.code === "EPERM");
  throw new EnvctlError({
    code: `${source}-${isForbidden ? "unreadable" : "missing"}`,
    exitCode: ExitCode.usage,
    what: `The ${noun} can't be read: ${messageOf(cause)}`,
    where: path,
    state: "Nothing was built.",
    next: isForbidden ? "Give yourself permission to read it." : next,
    cause,
  });
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over the context's `.dockerignore`; they are never merged. */
async function readIgnoreFile(
  root: string,
  dockerfile: string,
): Promise<{ ignoreFile: string | undefined; ignore: DockerIgnore }> {
  const found = await findIgnoreFile(root, dockerfile);
  return { ignoreFile: found?.file, ignore: found ? DockerIgnore.parse(found.text, found.file) : DockerIgnore.none };
}

/** All files of which one may hold the rules, the one that wins first. */
export function ignoreFiles(root: string, dockerfile: string): readonly string[] {
  return [`${dockerfile}.dockerignore`, join(root, ".dockerignore")];
}

/** The ignore file in force. */
export async function findIgnoreFile(
  root: string,
  dockerfile: string,
): Promise<{ readonly file: string; readonly text: string } | undefined> {
  for (const file of ignoreFiles(root, dockerfile)) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw unreadable(file, error);
    });
    if (text !== undefined) return { file, text };
  }
  return undefined;
}
