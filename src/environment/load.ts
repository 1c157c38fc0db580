import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse as parseDotenv } from "dotenv";
import { EnvctlError, ExitCode, messageOf, type Remark } from "../base/errors.ts";
import { checkDomains } from "./check-domains.ts";
import { checkPorts } from "./check-ports.ts";
import { findEnvironmentFile, isAbsent, readEnvironmentFile, unreadable } from "./find-file.ts";
import type { Environment, Problem } from "./model.ts";
import { type ParsedDocument, parseDocument, placeOf } from "./parse.ts";
import { type Path, Problems, pathText } from "./problems.ts";
import { renderProblem } from "./render-problem.ts";
import { resolveEnvironment } from "./resolve.ts";
import { reportShape } from "./schema-problems.ts";
import { Source } from "./source.ts";
import { warnOfSurprises } from "./surprises.ts";
import { withoutWrong } from "./without-wrong.ts";

export interface LoadOptions {
  /** The file that was named; undefined looks for it from `directory` upward. */
  readonly file: string | undefined;
  readonly directory: string;
  /** The process's environment: it goes before the `.env` file beside the environment file. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /**
   * Variables that only other stages need may be unset, but for those without which the file makes no sense; null is for what
   * needs no stage at all.
   */
  readonly stage?: string | null | undefined;
}

export interface ReadResult {
  readonly file: string;
  readonly source: Source;
  /** Mistakes and warnings, in the order of the file. */
  readonly problems: readonly Problem[];
  /** undefined where there are mistakes; then `error` tells them. */
  readonly environment: Environment | undefined;
  readonly error: EnvctlError | undefined;
}

/** Reads an environment file and finds all its mistakes. Throws only where there is no file to read. */
export async function readEnvironment(options: LoadOptions): Promise<ReadResult> {
  const file = await findEnvironmentFile(options.directory, options.file);
  const source = new Source(file, await readEnvironmentFile(file));
  const problems = new Problems(source);
  const environment = await readSource(problems, dirname(file), options);
  const list = problems.list();
  const failed = problems.hasErrors || !environment;
  return {
    file,
    source,
    problems: list,
    environment: failed ? undefined : environment,
    error: failed ? invalid(file, list, source) : undefined,
  };
}

/** The environment and its warnings. Throws `environment-invalid` (exit 2) with every mistake as evidence. */
export async function loadEnvironment(
  options: LoadOptions,
): Promise<{ readonly environment: Environment; readonly problems: readonly Problem[] }> {
  const { environment, problems, error } = await readEnvironment(options);
  if (!environment) throw error;
  return { environment, problems };
}

/**
 * Names of the stages in the order of the file, for a shell to complete: variables may be unset, and much else may be wrong.
 * What cannot be a name is left out, and so never gets into a shell. Throws where there is no file to read.
 */
export async function readStageNames(directory: string, named: string | undefined): Promise<string[]> {
  const file = await findEnvironmentFile(directory, named);
  const problems = new Problems(new Source(file, await readEnvironmentFile(file)));
  const parsed = parseDocument(problems, { lookUp: () => undefined, variableNames: [], lenient: () => true });
  const { stages } = (parsed?.value ?? {}) as { readonly stages?: unknown };
  return Object.keys(stages ?? {}).filter((name) => /^[a-z][a-z0-9-]*$/.test(name));
}

async function readSource(
  problems: Problems,
  directory: string,
  options: LoadOptions,
): Promise<Environment | undefined> {
  const dotenv = readDotenv(directory);
  const parsed = parseDocument(problems, {
    lookUp: (name) => options.variables[name] ?? dotenv[name],
    variableNames: [...Object.keys(options.variables), ...Object.keys(dotenv)],
    lenient: (path) =>
      path[0] === "stages" && options.stage !== undefined && path.length > 1 && path[1] !== options.stage,
  });
  if (!parsed) return undefined;
  const document = await adapt(parsed, problems.source);
  warnEverywhere(document, [], parsed, problems);
  await reportShape(document, problems);
  const sound = await withoutWrong(document, problems.wrongPaths(), problems.source);
  const environment = resolveEnvironment({ problems, texts: parsed.texts, directory }, problems.source.file, sound);
  checkPorts(environment, problems);
  checkDomains(environment, problems);
  return environment;
}

/** What a variable brought is text; where the schema wants a number or true/false, it is read as one. */
async function adapt(parsed: ParsedDocument, source: Source): Promise<unknown> {
  if (parsed.interpolated.size === 0) return parsed.value;
  let document = parsed.value;
  const trial = new Problems(source);
  await reportShape(document, trial);
  const wrong = trial.wrongPaths();
  document = mapScalars(document, [], (value, path, text) =>
    parsed.interpolated.has(placeOf(path)) && wrong.has(text) && typeof value === "string" ? scalarOf(value) : value,
  );
  return document;
}

function scalarOf(text: string): unknown {
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return text;
}

function mapScalars(
  value: unknown,
  path: Path,
  change: (value: unknown, path: Path, text: string) => unknown,
): unknown {
  if (Array.isArray(value)) return value.map((inner, index) => mapScalars(inner, [...path, index], change));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, mapScalars(inner, [...path, key], change)]),
    );
  }
  return change(value, path, pathText(path));
}

function warnEverywhere(value: unknown, path: Path, parsed: ParsedDocument, problems: Problems): void {
  if (Array.isArray(value))
    for (const [index, inner] of value.entries()) warnEverywhere(inner, [...path, index], parsed, problems);
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) warnEverywhere(inner, [...path, key], parsed, problems);
  } else if (!parsed.interpolated.has(placeOf(path)) && parsed.plain.has(placeOf(path))) {
    warnOfSurprises(path, value, parsed.texts.get(placeOf(path)), problems);
  }
}

function readDotenv(directory: string): Readonly<Record<string, string>> {
  const path = join(directory, ".env");
  try {
    return parseDotenv(readFileSync(path));
  } catch (error) {
    // There need not be one, and a folder of that name is Python's. What cannot be read may have any variable: defaults would
    // take their places, and nobody would know.
    if (isAbsent(error) || (error instanceof Error && "code" in error && error.code === "EISDIR")) return {};
    throw unreadable(path, messageOf(error), ".env");
  }
}

/** Without the text of the line. */
export function remarkOf({ severity, position, message, hint }: Problem): Remark {
  return { severity, ...position, message: hint === undefined ? message : `${message}; ${hint}` };
}

function invalid(file: string, problems: readonly Problem[], source: Source): EnvctlError {
  const errors = problems.filter((problem) => problem.severity === "error");
  const count = errors.length === 1 ? "a mistake" : `${errors.length} mistakes`;
  const [first] = errors;
  return new EnvctlError({
    code: "environment-invalid",
    exitCode: ExitCode.usage,
    what: `the environment file has ${count}`,
    where: first ? `${file}:${first.position.line}:${first.position.column}` : file,
    state: "nothing was touched",
    evidence: problems.flatMap((problem) => renderProblem(problem, source)),
    remarks: problems.map(remarkOf),
    next: "envctl validate checks it again",
  });
}
