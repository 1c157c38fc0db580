import { createHash } from "node:crypto";
import { appendFile, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import type { EnvctlError, Remark } from "../../base/errors.ts";
import { clean } from "../view/clean.ts";
import { escapeMarkdown, fenced } from "./markdown.ts";
import type { CiFiles } from "./service.ts";

/** What a verb leaves for the steps of a pipeline that come after it. */
export interface Report {
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown. */
  readonly summary: string;
}

/** Writes what a verb found to the files that the pipeline named. Rejects where one cannot be written. */
export async function writeReport(files: CiFiles, { outputs, summary }: Report): Promise<void> {
  await Promise.all([
    files.outputs && appendFile(files.outputs.file, outputLines(outputs, files.outputs.prefix)),
    files.summary !== undefined && appendFile(files.summary, `${clean(summary)}\n\n`),
  ]);
}

/** The same for a failure: what happened, on what evidence, and what to do. */
export async function writeFailure(files: CiFiles, command: string, error: EnvctlError): Promise<void> {
  await Promise.all([
    files.summary !== undefined && appendFile(files.summary, `${clean(failureSummary(command, error))}\n\n`),
    files.codeQuality !== undefined && writeCodeQuality(files.codeQuality, files.root, error.remarks),
  ]);
}

/** Code Climate's issues, as GitLab reads them beside the lines of a merge request. */
export async function writeCodeQuality(
  file: string,
  root: string | undefined,
  remarks: readonly Remark[],
): Promise<void> {
  const issues = remarks.map((remark) => ({
    description: remark.message,
    check_name: "envctl-validate",
    fingerprint: createHash("sha256").update(JSON.stringify(remark)).digest("hex"),
    severity: remark.severity === "error" ? "blocker" : "minor",
    location: { path: root === undefined ? remark.file : relative(root, remark.file), lines: { begin: remark.line } },
  }));
  await writeFile(file, `${JSON.stringify(issues, null, 2)}\n`);
}

function outputLines(outputs: Report["outputs"], prefix: string): string {
  return Object.entries(outputs)
    .map(([name, value]) => {
      if (/[\r\n]/.test(value)) throw new RangeError(`the output ${name} has more than one line`);
      return `${prefix === "" ? name : prefix + name.toUpperCase()}=${value}\n`;
    })
    .join("");
}

function failureSummary(command: string, error: EnvctlError): string {
  const { where, evidence, state, next } = error;
  return [
    `### ❌ envctl ${command}`,
    `${escapeMarkdown(error.message)}${where === undefined ? "" : ` (${escapeMarkdown(where)})`}`,
    ...(evidence.length > 0 ? [fenced(evidence.join("\n"))] : []),
    ...(state === undefined ? [] : [`**State:** ${escapeMarkdown(state)}`]),
    ...(next === undefined ? [] : [`**Next:** ${escapeMarkdown(next)}`]),
  ].join("\n\n");
}
