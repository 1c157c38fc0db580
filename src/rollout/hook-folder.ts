import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";

/** Programs of the project's own that run on this machine at these moments. The file is called exactly so. */
const hookNames = ["before-build", "after-build", "before-deploy", "after-deploy", "on-failure"] as const;
export type HookName = (typeof hookNames)[number];

/** The hooks of a project by name, and what in their folder will never run. */
export interface HookFolder {
  readonly files: ReadonlyMap<HookName, string>;
  readonly warnings: readonly string[];
}

/**
 * Reads `.envctl/hooks` beside the environment file; where there is none, there are no hooks. Throws
 * `hook-not-executable` (exit 2): a hook that somebody relies on must not be left out in silence.
 */
export async function readHookFolder(directory: string): Promise<HookFolder> {
  const folder = join(directory, ".envctl", "hooks");
  const files = new Map<HookName, string>();
  const warnings: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const file = join(folder, entry);
    const name = hookNames.find((known) => known === entry);
    const kind = await stat(file).catch(() => undefined);
    if (name !== undefined) {
      if (!kind?.isFile()) throw unusable(file, "is not a file", `put a program there, or remove it: ${file}`);
      if (!(await isExecutable(file))) throw unusable(file, "is not executable", `chmod +x ${file}`);
      files.set(name, file);
      continue;
    }
    // Folders and hidden files are the place for what hooks share.
    if (entry.startsWith(".") || entry.endsWith("~") || kind?.isDirectory()) continue;
    const meant = didYouMean(entry, hookNames);
    warnings.push(
      `${file} never runs: there is no such hook${meant ? `; did you mean ${meant}?` : ` (there are ${hookNames.join(", ")})`}`,
    );
  }
  return { files, warnings };
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return [];
    throw unusable(folder, `cannot be read: ${messageOf(error)}`, `look at it: ls -l ${folder}`);
  }
}

async function isExecutable(file: string): Promise<boolean> {
  // The bit itself, too: to root the system says yes for files that nobody may execute on some of its file systems.
  const { mode } = await stat(file);
  return (
    (mode & 0o111) !== 0 &&
    (await access(file, constants.X_OK).then(
      () => true,
      () => false,
    ))
  );
}

function unusable(file: string, how: string, next: string): EnvctlError {
  return new EnvctlError({
    code: how === "is not executable" ? "hook-not-executable" : "hook-unusable",
    exitCode: ExitCode.usage,
    what: `a hook ${how}`,
    where: file,
    state: "nothing was touched",
    next,
  });
}
