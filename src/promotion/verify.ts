import { EnvctlError, ExitCode } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Stage } from "../environment/model.ts";
import { isDevContainer } from "../plan/dev-container.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { announce } from "./announce.ts";
import { Ledger } from "./ledger.ts";
import { whileLocked } from "./locked.ts";
import { type Purpose, type RunningRelease, runningRelease } from "./source.ts";
import { stageSigner } from "./stage-signer.ts";
import { checksFailed, runVerification, type VerificationResult, verifyRecord } from "./verification.ts";
import { type Standing, standingOf } from "./verified.ts";

export interface StageVerification extends VerificationResult {
  readonly release: Release;
}

const verifying: Purpose = { aim: "to verify in", state: "nothing was checked" };

/**
 * Runs the checks of a stage against what runs there, and records what they found: only if that still runs there then, the
 * very containers, healthy on every host. The stage is locked for the record alone. Throws `check-failed` (exit 1).
 */
export async function verifyStage(
  workspace: Workspace,
  stage: Stage,
  options: { readonly dryRun: boolean },
): Promise<StageVerification> {
  if (stage.verify.checks.length === 0) throw noChecks(workspace, stage);
  const signer = await stageSigner(workspace, options);
  const ledger = new Ledger(
    await workspace.connections.repository(stage.repository),
    workspace.environment.name,
    stage.name,
  );
  const [found, standing] = await workspace.progress.step(`look at ${stage.name}`, async (progress) => {
    const both = await Promise.all([runningRelease(workspace, stage, verifying), standingOf(ledger, workspace.signal)]);
    progress.note(both[0].release.name);
    return both;
  });
  requireRecorded(stage, found, standing);
  const { release } = found;
  if (options.dryRun) return { release, passed: false, checks: [] };
  const again = { next: `envctl verify ${stage.name}` };
  const result = await runVerification(workspace, stage, found).catch((error: unknown) => {
    throw withMore(error, { ...again, state: "nothing was recorded" });
  });
  const [first] = found.engines;
  if (!first) throw new RangeError(`stage ${stage.name} has no host`);
  const state = `the checks ${result.passed ? "passed" : "failed"}, and nothing was recorded`;
  await whileLocked(workspace, stage, first, `envctl verify ${stage.name} (${release.name})`, async (lock) => {
    await requireUnchanged(workspace, stage, { found, standing, ledger, state });
    await lock.requireHeld();
    await workspace.progress.step("record", () =>
      ledger.append(verifyRecord(workspace, stage, release, result), signer, timeLimit(30_000)),
    );
  }).catch((error: unknown) => {
    throw withMore(error, { ...again, state });
  });
  await announce(workspace, ledger.news);
  if (result.passed) return { ...result, release };
  throw checksFailed(stage, release, result, {
    state: `${stage.name} goes on running ${release.name}, not verified: it is promoted no further`,
    next: `envctl verify ${stage.name} once that is mended, or envctl rollback ${stage.name}`,
  });
}

/** What nobody recorded as brought there proves nothing: whatever is found would count for something else. */
function requireRecorded(stage: Stage, { release, running }: RunningRelease, { change }: Standing): void {
  const dev = running.find(({ container }) => isDevContainer(container));
  if (dev || change?.dev !== undefined) {
    throw new EnvctlError({
      code: "not-a-release",
      exitCode: ExitCode.gateClosed,
      what: `what runs in ${stage.name} was made by envctl dev: it is no release that could be verified`,
      where: dev ? `${dev.container.name} on ${dev.engine.name}` : `stage ${stage.name}`,
      state: verifying.state,
      next: `envctl up ${stage.name} builds the release from the sources and runs it`,
    });
  }
  if (change?.release?.digest === release.digest) return;
  const recorded = change?.release ? `its history has ${change.release.name}` : "its history does not know of it";
  throw new EnvctlError({
    code: "stage-not-ready",
    exitCode: ExitCode.gateClosed,
    what: `${stage.name} runs ${release.name}, but ${recorded}`,
    where: `stage ${stage.name}`,
    state: verifying.state,
    next: `envctl status ${stage.name} shows what differs, envctl up ${stage.name} mends it`,
  });
}

interface Checked {
  readonly found: RunningRelease;
  readonly standing: Standing;
  readonly ledger: Ledger;
  /** What is so if it is refused. */
  readonly state: string;
}

/** What was checked is what still runs. Throws `verification-outdated` (exit 1), or why nothing healthy runs there. */
async function requireUnchanged(workspace: Workspace, stage: Stage, checked: Checked): Promise<void> {
  const { found, standing, ledger, state } = checked;
  const [now, current] = await Promise.all([
    runningRelease(workspace, stage, { aim: "any more in", state }, found.release),
    standingOf(ledger, workspace.signal),
  ]);
  const same =
    now.release.digest === found.release.digest &&
    current.entry?.digest === standing.entry?.digest &&
    idsOf(now).every((id) => idsOf(found).includes(id)) &&
    idsOf(now).length === idsOf(found).length;
  if (same) return;
  throw new EnvctlError({
    code: "verification-outdated",
    exitCode: ExitCode.failed,
    what: `${stage.name} was changed while its checks ran: what they were run against is not what runs now`,
    where: `stage ${stage.name}`,
    state,
    next: `envctl verify ${stage.name}`,
  });
}

/** What only this place knows: what became of the checks. */
function withMore(error: unknown, more: { readonly state: string; readonly next: string }): unknown {
  return error instanceof EnvctlError ? error.with(more) : error;
}

function idsOf({ running }: RunningRelease): string[] {
  return running.map(({ container }) => container.id);
}

function noChecks({ environment }: Workspace, stage: Stage): EnvctlError {
  return new EnvctlError({
    code: "no-checks",
    exitCode: ExitCode.usage,
    what: `stage ${stage.name} has no checks`,
    where: environment.file,
    state: verifying.state,
    next: `give it some: stages.${stage.name}.verify`,
  });
}
