import { randomBytes } from "node:crypto";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { isObject, parseJson, textOf } from "../base/json.ts";
import { type PlannedVerb, parseSavedPlan, type SavedPlan } from "../plan/saved-plan.ts";

/** Bytes. A plan of a hundred hosts has a tenth of it. */
const largest = 8 * 1024 * 1024;

/** For its user alone: it tells much of hosts, and has fingerprints of secrets. */
export async function writePlanFile(path: string, plan: SavedPlan): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(temporary, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new EnvctlError({
      code: "plan-not-saved",
      exitCode: ExitCode.usage,
      what: `the plan cannot be written: ${messageOf(error)}`,
      where: path,
      state: "nothing was changed",
      next: "name another file: --out <file>",
      cause: error,
    });
  }
}

/** Reads a plan for what is about to be done. Throws `plan-invalid` (exit 2) for one of something else, or none at all. */
export async function readPlanFile(
  path: string,
  wanted: { readonly verb: PlannedVerb; readonly environment: string; readonly stage: string },
): Promise<SavedPlan> {
  const value = parseJson(await readText(path));
  const plan = parseSavedPlan(value);
  if (!plan) {
    const version = isObject(value) && value.kind === "envctl-plan" ? value.version : 1;
    throw invalid(
      path,
      version === 1
        ? "it is no plan that envctl has saved"
        : `it is a plan of version ${textOf(version)}, which this envctl does not know`,
    );
  }
  const { verb, environment, stage } = plan;
  if (environment !== wanted.environment)
    throw invalid(path, `it is a plan for ${environment}, and not for ${wanted.environment}`);
  if (stage !== wanted.stage) throw invalid(path, `it is a plan for ${stage}, and not for ${wanted.stage}`);
  if (verb !== wanted.verb) throw invalid(path, `it is a plan for envctl ${verb} ${stage}`);
  return plan;
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > largest) throw invalid(path, "it is too large for a plan");
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof EnvctlError) throw error;
    throw invalid(path, `it cannot be read: ${messageOf(error)}`);
  }
}

function invalid(path: string, why: string): EnvctlError {
  return new EnvctlError({
    code: "plan-invalid",
    exitCode: ExitCode.usage,
    what: `this is not the plan to carry out: ${why}`,
    where: path,
    state: "nothing was touched",
    next: "envctl plan <stage> --out <file> makes one",
  });
}
