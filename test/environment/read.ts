import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ReadResult, readEnvironment } from "../../src/environment/load.ts";

/** Writes a file into a folder of its own and reads it. */
export async function readText(
  text: string | Uint8Array,
  variables: Record<string, string> = {},
  options: { files?: Record<string, string>; stage?: string } = {},
): Promise<ReadResult> {
  const directory = mkdtempSync(join(tmpdir(), "envctl-environment-"));
  writeFileSync(join(directory, "envctl.yaml"), text);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  try {
    return await readEnvironment({ file: undefined, directory, variables, stage: options.stage });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const minimal = "name: shop\nimage: { repository: shop }\n";

/** `line:column message` of each mistake. */
export function mistakes(result: ReadResult): string[] {
  return result.problems.filter(({ severity }) => severity === "error").map(inWords);
}

export function warnings(result: ReadResult): string[] {
  return result.problems.filter(({ severity }) => severity === "warning").map(inWords);
}

function inWords({ position, message, hint }: ReadResult["problems"][number]): string {
  return `${position.line}:${position.column} ${message}${hint === undefined ? "" : ` | ${hint}`}`;
}
