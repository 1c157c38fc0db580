import { readFile, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";

const names = ["envctl.yaml", "envctl.yml"] as const;
/** An environment file is written by people: what is larger is something else. Bytes. */
const maximumSize = 1024 * 1024;

/** The environment file: the one that is named, or the nearest one in this folder or above. Throws `environment-missing` (exit 2). */
export async function findEnvironmentFile(directory: string, named: string | undefined): Promise<string> {
  if (named !== undefined) {
    const path = isAbsolute(named) ? named : resolve(directory, named);
    if (await isFile(path)) return path;
    throw missing(`there is no environment file ${named}`, path, "name the one there is: --file <path>");
  }
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    for (const name of names) if (await isFile(join(folder, name))) return join(folder, name);
    if (folder === dirname(folder))
      throw missing(`there is no ${names[0]} in this folder or above`, directory, "envctl init");
  }
}

/** Its text. Throws `environment-invalid` (exit 2) for what cannot be an environment file. */
export async function readEnvironmentFile(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > maximumSize)
    throw unreadable(path, `it has ${size} bytes; an environment file has at most ${maximumSize}`);
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, messageOf(error));
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, "it is not UTF-8 text");
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isAbsent(error)) return false;
    // Nobody knows whether there is one, and one of a folder above is another.
    throw unreadable(path, messageOf(error));
  }
}

/** Whether it is so that nothing goes by that name. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function missing(what: string, where: string, next: string): EnvctlError {
  return new EnvctlError({
    code: "environment-missing",
    exitCode: ExitCode.usage,
    what,
    where,
    state: "nothing was touched",
    next,
  });
}

export function unreadable(where: string, why: string, file = "the environment file"): EnvctlError {
  return new EnvctlError({
    code: "environment-invalid",
    exitCode: ExitCode.usage,
    what: `${file} cannot be read: ${why}`,
    where,
    state: "nothing was touched",
    next: "mend that, then: envctl validate",
  });
}
