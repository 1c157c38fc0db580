import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvctlError, ExitCode } from "../base/errors.ts";

/** How build secrets reach the builder: options without any value in them, and variables that carry the values. */
export interface SecretPassing {
  readonly options: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/** Linux takes no single variable above 128 KiB (MAX_ARG_STRLEN). */
const longestVariable = 100_000;

/**
 * Prepares `--secret` options. Values travel in the builder's environment, which only its own user can read and which leaves
 * nothing on a disk even after a crash; only what is too long for that becomes a file (mode 0600) in `privateFolder`.
 * Throws `secret-invalid` (exit 2).
 */
export async function passSecrets(
  secrets: Readonly<Record<string, string>>,
  privateFolder: string,
): Promise<SecretPassing> {
  const options: string[] = [];
  const variables: Record<string, string> = {};
  for (const [index, [id, value]] of Object.entries(secrets).entries()) {
    // The option's value is CSV: a comma in the id would add fields of its own.
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(id)) throw invalidId(id);
    if (value.length <= longestVariable && !value.includes("\0")) {
      const variable = `ENVCTL_BUILD_SECRET_${index}`;
      variables[variable] = value;
      options.push("--secret", `id=${id},env=${variable}`);
    } else {
      const file = join(privateFolder, `secret-${index}`);
      await writeFile(file, value, { mode: 0o600, flag: "wx" });
      options.push("--secret", `id=${id},src=${file}`);
    }
  }
  return { options, variables };
}

function invalidId(id: string): EnvctlError {
  return new EnvctlError({
    code: "secret-invalid",
    exitCode: ExitCode.usage,
    what: `${JSON.stringify(id)} can't be the name of a build secret.`,
    next: "Use letters, digits, `_`, `-` and `.` in image.secrets.",
  });
}
