import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "dotenv";
import { cutValues } from "../base/cut-values.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";

export interface SecretLookup {
  /** Undefined for build secrets: the same in every stage. */
  readonly stage: string | undefined;
  /** Folder of the environment file. */
  readonly directory: string;
  /** Environment of the process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedSecrets {
  /** Never print or store these. */
  readonly values: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/**
 * Looks secrets up by name: in the process's environment, then `.envctl/secrets.<stage>.env`, then `.envctl/secrets.env`
 * beside the environment file. An empty value counts as missing: CI systems give unset secrets as empty variables. Files that
 * others on the machine may read are not used. Throws `secret-missing` (exit 2) that names all that are missing.
 */
export async function resolveSecrets(names: readonly string[], lookup: SecretLookup): Promise<ResolvedSecrets> {
  const { values, missing, warnings } = await lookUpSecrets(names, lookup);
  if (missing.length > 0) throw missingSecrets(missing, lookup, warnings);
  return { values, warnings };
}

/** The same for whoever can do without: those that have no value are named. */
export async function lookUpSecrets(
  names: readonly string[],
  lookup: SecretLookup,
): Promise<ResolvedSecrets & { readonly missing: readonly string[] }> {
  const values: Record<string, string> = {};
  const missing: string[] = [];
  const warnings: string[] = [];
  const wanted = [...new Set(names)];
  const open = wanted.filter((name) => !isSet(own(lookup.variables, name)));
  // Files are opened only if the environment leaves something to look for.
  const files = open.length === 0 ? [] : await readSecretFiles(lookup, warnings);
  for (const name of wanted) {
    const value = [lookup.variables, ...files].map((source) => own(source, name)).find(isSet);
    if (value === undefined) missing.push(name);
    else values[name] = value;
  }
  return { values, missing, warnings };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

/** A secret called `constructor` is looked up like any other. */
function own(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** Where secrets are kept, the stage's own first. */
function secretFiles(lookup: Pick<SecretLookup, "stage" | "directory">): readonly string[] {
  const folder = join(lookup.directory, ".envctl");
  const common = join(folder, "secrets.env");
  return lookup.stage === undefined ? [common] : [join(folder, `secrets.${lookup.stage}.env`), common];
}

type Values = Readonly<Record<string, string | undefined>>;

async function readSecretFiles(lookup: SecretLookup, warnings: string[]): Promise<readonly Values[]> {
  const found: Values[] = [];
  for (const file of secretFiles(lookup)) {
    const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") warnings.push(`${file} is not used: ${messageOf(error)}`);
      return undefined;
    });
    if (stats === undefined) continue;
    if (process.platform !== "win32" && (stats.mode & 0o077) !== 0) {
      warnings.push(`${file} is not used because others on this machine can read it. Run: chmod 600 ${file}`);
      continue;
    }
    try {
      const text = await readFile(file, "utf8");
      const values = parse(text);
      found.push(values);
      for (const name of cutValues(text, values)) {
        warnings.push(
          `${name} in ${file} ends before its #: what follows is a comment. Put the value in quotes if it is not.`,
        );
      }
    } catch (error) {
      warnings.push(`${file} is not used: ${messageOf(error)}`);
      continue;
    }
    if (await isExposedToGit(file, lookup)) {
      warnings.push(`git does not ignore ${file}. Add \`.envctl/secrets*.env\` to .gitignore before it is committed.`);
    }
  }
  return found;
}

/** `git check-ignore` ends with 1 for a file that would be committed (or was), with 128 outside a repository. */
async function isExposedToGit(file: string, lookup: SecretLookup): Promise<boolean> {
  const { execa } = await import("execa");
  const result = await execa("git", ["-C", lookup.directory, "check-ignore", "--quiet", "--", file], {
    env: lookup.variables,
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    timeout: 5_000,
    ...(lookup.signal === undefined ? {} : { cancelSignal: lookup.signal }),
  });
  lookup.signal?.throwIfAborted();
  return result.exitCode === 1;
}

function missingSecrets(names: readonly string[], lookup: SecretLookup, warnings: readonly string[]): EnvctlError {
  const places = ["the environment", ...secretFiles(lookup)];
  const empty = names.filter((name) => own(lookup.variables, name) === "");
  return new EnvctlError({
    code: "secret-missing",
    exitCode: ExitCode.usage,
    what: `${names.length === 1 ? "A secret has" : `${names.length} secrets have`} no value: ${names.join(", ")}.`,
    where: `looked in ${places.join(", ")}`,
    state: "Nothing was changed.",
    next: `Set ${names.length === 1 ? "it" : "them"} in the environment, or write NAME=value lines into ${places[1]} (mode 600, ignored by git).`,
    evidence: [...empty.map((name) => `${name} is set in the environment, but empty.`), ...warnings],
  });
}
