import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { notWritten } from "./initialize.ts";
import { packageRoot } from "./package-root.ts";

/** Where each service looks for its pipelines, and the template of ours. */
const services = {
  github: { file: ".github/workflows/envctl.yaml", template: "ci/github.yaml", mode: 0o644 },
  gitlab: { file: ".gitlab-ci.yml", template: "ci/gitlab.yaml", mode: 0o644 },
  shell: { file: "pipeline.sh", template: "ci/pipeline.sh", mode: 0o755 },
  systemd: { file: "envctl-watch.service", template: "watch/envctl-watch.service", mode: 0o644 },
} as const;

export const pipelineServices = Object.keys(services);

export interface PipelineFile {
  /** Relative to the folder. */
  readonly name: string;
  readonly content: string;
}

/** Writes a ready pipeline into a folder. Throws `usage` (exit 2) for an unknown service, `file-exists` where there is one, `not-written` (exit 1). */
export async function writePipeline(
  directory: string,
  service: string,
  options: { readonly force: boolean; readonly dryRun: boolean },
): Promise<PipelineFile> {
  const found = Object.entries(services).find(([name]) => name === service)?.[1];
  if (!found) throw failure("usage", `there is no pipeline for "${service}"`, `one of: ${pipelineServices.join(", ")}`);
  const { file, template, mode } = found;
  const path = join(directory, file);
  if (!options.force && existsSync(path)) {
    throw failure("file-exists", `${file} is there already`, `envctl init --ci ${service} --force writes over it`);
  }
  const content = readFileSync(join(packageRoot(), "templates", template), "utf8");
  if (!options.dryRun) {
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      await chmod(path, mode);
    } catch (error) {
      throw notWritten(path, error, 0);
    }
  }
  return { name: file, content };
}

function failure(code: string, what: string, next: string): EnvctlError {
  return new EnvctlError({ code, exitCode: ExitCode.usage, what, state: "nothing was written", next });
}
