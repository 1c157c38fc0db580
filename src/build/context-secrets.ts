import { join, posix } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { isSecretsFile } from "../secrets/secrets-file.ts";
import type { BuildContext } from "./context.ts";

/**
 * No file of secrets may be sent to a builder: `COPY . .` would put it into the image, where everybody has it who can pull.
 * Throws `secrets-in-context` (exit 2).
 */
export function requireNoSecrets({ root, ignoreFile, entries }: Pick<BuildContext, "root" | "ignoreFile" | "entries">) {
  const found = entries.flatMap(({ kind, path }) => {
    const isSecret = isSecretsFile(posix.basename(path)) && posix.basename(posix.dirname(path)) === ".envctl";
    return isSecret && kind !== "directory" ? [path] : [];
  });
  const [first] = found;
  if (first === undefined) return;
  const folders = [...new Set(found.map((path) => posix.dirname(path)))];
  throw new EnvctlError({
    code: "secrets-in-context",
    exitCode: ExitCode.usage,
    what: `${first} has secrets in it and belongs to the build context: COPY could put it into the image`,
    where: join(root, first),
    state: "nothing was built",
    evidence: found.slice(1),
    next: `add to ${ignoreFile ?? join(root, ".dockerignore")}: ${folders.join(", ")}`,
  });
}
