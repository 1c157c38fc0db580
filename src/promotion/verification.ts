import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { author } from "./author.ts";
import { type CheckResult, describeWrong, recordedCheck, runChecks } from "./checks/run-checks.ts";
import { recordedRelease, type StageRecord } from "./record.ts";
import type { RunningRelease } from "./source.ts";
import { stageSecrets } from "./stage-secrets.ts";

/** What the checks of a stage found. */
export interface VerificationResult {
  readonly passed: boolean;
  readonly checks: readonly CheckResult[];
}

/** Lines of one failed check that are told. */
const toldWrong = 8;

/** Runs all checks of a stage against what runs there. Nothing is recorded yet. */
export async function runVerification(
  workspace: Workspace,
  stage: Stage,
  { release, engines, running }: RunningRelease,
): Promise<VerificationResult> {
  const secrets = await stageSecrets(workspace, stage);
  const topic = `the checks of ${stage.name}`;
  workspace.situation.set(
    topic,
    `not done: ${release.name} runs there, and is not verified; envctl verify ${stage.name}`,
  );
  let checks: readonly CheckResult[] | undefined;
  try {
    await workspace.progress.step(`verify ${stage.name}`, async (progress) => {
      checks = await runChecks({ workspace, stage, release, engines, running, secrets }, progress);
      const failed = failedOf(checks);
      if (failed.length > 0) throw new Error(failureOf(failed));
      progress.note(checks.length === 1 ? "its check passed" : `${checks.length} checks passed`);
    });
  } catch (error) {
    // The step is marked as failed; what a failed check means, the caller says.
    if (!checks) throw error;
  }
  workspace.situation.set(topic, undefined);
  return { checks: checks ?? [], passed: failedOf(checks ?? []).length === 0 };
}

/** `reason`: why the release is not verified though its checks passed. */
export function verifyRecord(
  workspace: Workspace,
  stage: Stage,
  release: Release,
  { checks }: VerificationResult,
  reason?: string,
): StageRecord {
  const failed = failedOf(checks);
  const why = failed.length > 0 ? failureOf(failed) : reason;
  return {
    version: 1,
    kind: "verify",
    outcome: why === undefined ? "succeeded" : "failed",
    environment: workspace.environment.name,
    stage: stage.name,
    release: recordedRelease(release),
    from: undefined,
    hosts: stage.hosts.map((host) => host.name),
    services: {},
    by: author(),
    at: workspace.clock.now().toISOString(),
    reason: why,
    checks: checks.map(recordedCheck),
  };
}

function failedOf(checks: readonly CheckResult[]): CheckResult[] {
  return checks.filter(({ wrong }) => wrong.length > 0);
}

/** `check home failed: ssh://a answered 503, expected 2xx`. */
function failureOf(failed: readonly CheckResult[]): string {
  const [first, ...more] = failed;
  if (!first) return "";
  if (more.length > 0) return `${failed.length} checks failed: ${failed.map(({ name }) => name).join(", ")}`;
  return `check ${first.name} failed: ${describeWrong(first.wrong)}`;
}

/** `check-failed` (exit 1): what each check that failed got and expected, and what its program printed last. */
export function checksFailed(
  stage: Stage,
  release: Pick<Release, "name">,
  { checks }: VerificationResult,
  after: { readonly state: string; readonly next: string },
): EnvctlError {
  const failed = failedOf(checks);
  return new EnvctlError({
    code: "check-failed",
    exitCode: ExitCode.failed,
    what: `${release.name} is not verified in ${stage.name}: ${failureOf(failed)}`,
    where: `stage ${stage.name}`,
    evidence: failed.flatMap(evidenceOf),
    ...after,
  });
}

function evidenceOf({ name, tries, wrong, failures, lastLines, log }: CheckResult): string[] {
  const told = wrong.slice(0, toldWrong).map(({ where, what }) => `${name}: ${where === "" ? "" : `${where} `}${what}`);
  const more = wrong.length - told.length;
  return [
    ...told,
    ...(more > 0 ? [`${name}: and ${more} more`] : []),
    ...(tries > 1 ? [`  the last of ${tries} tries`] : []),
    ...failures.map((line) => `  ${line}`),
    ...(lastLines.length > 0 ? ["  its last output:", ...lastLines.map((line) => `    ${line}`)] : []),
    ...(log === undefined ? [] : [`  all of it: ${log}`]),
  ];
}
