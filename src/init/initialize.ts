import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Detection } from "./detection.ts";
import { packageRoot } from "./package-root.ts";

/** A file that `init` writes, or leaves as it is. */
export interface InitFile {
  readonly name: string;
  readonly content: string;
  /** It is there already, and stays. */
  readonly kept: boolean;
}

/** What `init` would write for what was found, with the templates filled in. */
export function filesFor(directory: string, name: string, detection: Detection, force: boolean): InitFile[] {
  const templates = join(packageRoot(), "templates");
  const health =
    detection.healthPath === undefined
      ? `{ tcp: ${detection.port} } # better: { path: /healthz }`
      : `{ path: ${detection.healthPath} }`;
  const values = { ...detection.values, name, port: String(detection.port), health };
  const fill = (...path: string[]) => fillIn(readFileSync(join(templates, ...path), "utf8"), values);
  const file = (fileName: string, content: string): InitFile => ({
    name: fileName,
    content,
    kept: !force && existsSync(join(directory, fileName)),
  });
  const environment = file("envctl.yaml", fill("envctl.yaml"));
  if (detection.kind === "dockerfile") return [environment, file(".dockerignore", fill("dockerignore"))];
  const ignored = fill("dockerignore") + fill(detection.kind, "dockerignore");
  return [environment, file("Dockerfile", fill(detection.kind, "Dockerfile")), file(".dockerignore", ignored)];
}

/** Writes what is not there yet. Throws `already-there` (exit 2) if that is nothing. */
export async function writeFiles(directory: string, files: readonly InitFile[]): Promise<void> {
  const fresh = files.filter((file) => !file.kept);
  if (fresh.length === 0) {
    throw new EnvctlError({
      code: "already-there",
      exitCode: ExitCode.usage,
      what: `${files.map((file) => file.name).join(", ")} are all there already`,
      where: directory,
      state: "nothing was written",
      next: "envctl validate, or envctl init --force to write them anew",
    });
  }
  for (const file of fresh) await writeFile(join(directory, file.name), file.content);
}

/** Every value is checked: what comes from a folder's files must not be able to add lines to a Dockerfile. */
function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => {
    const value = values[key];
    if (value === undefined || /[\r\n]/.test(value))
      throw new RangeError(`the template's {{${key}}} has no value that fits`);
    return value;
  });
}
