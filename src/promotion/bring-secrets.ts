import { mkdir, readdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isSecretsFile } from "../secrets/secrets-file.ts";

/** Files of secrets are in no commit: a checkout gets links to them, so that they lie in one place alone. */
export async function bringSecrets(from: string, to: string): Promise<void> {
  const folder = join(from, ".envctl");
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter(isSecretsFile);
  if (files.length === 0) return;
  await mkdir(join(to, ".envctl"), { recursive: true });
  for (const name of files) {
    await symlink(resolve(folder, name), join(to, ".envctl", name)).catch((error: NodeJS.ErrnoException) => {
      // One that is in the commit, against all advice, is the commit's own.
      if (error.code !== "EEXIST") throw error;
    });
  }
}
