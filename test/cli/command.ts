import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll } from "vitest";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const cli = join(root, "dist/envctl.js");

/** Makes the bundle unless it is there: `npm test` makes it anew before all tests. */
export async function ensureBundle(): Promise<void> {
  if (!existsSync(cli)) await execa(process.execPath, ["build.mjs"], { cwd: root });
}

const folders: string[] = [];
afterAll(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A folder with these files, gone after the tests of the file. */
export function folder(files: Record<string, string> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "envctl-cli-"));
  folders.push(directory);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

/** Runs the bundle as a person would; never throws for its exit code. */
export async function envctl(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const result = await execa(process.execPath, [cli, ...args], {
    cwd: options.cwd ?? folder(),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
  });
  return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr };
}
