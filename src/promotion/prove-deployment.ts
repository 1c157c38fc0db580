import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { releaseNamed } from "./current.ts";
import type { Ledger } from "./ledger.ts";
import type { StageRecord } from "./record.ts";
import { runningRelease } from "./source.ts";
import { checksFailed, runVerification, type VerificationResult, verifyRecord } from "./verification.ts";
import { broughtRelease, judgeProofs, releaseBefore, type Standing } from "./verified.ts";

/** A release that was just brought to a stage, whose lock is held. */
export interface Proving {
  readonly workspace: Workspace;
  readonly stage: Stage;
  readonly release: Release;
  readonly kind: "up" | "promote" | "rollback";
  readonly ledger: Ledger;
  readonly signer: Signer | undefined;
  readonly requireHeld: () => Promise<void>;
  /** Brings another release there, by the same rollout and under the same lock; `reason` is recorded with it. */
  readonly bring: (release: Release, reason: string) => Promise<void>;
}

/** Whether a stage asks for proof of what it runs. What `envctl dev` runs is no release that could be proven. */
export function asksForProof(stage: Stage): boolean {
  return stage.verify.checks.length > 0 && stage.app.dev === undefined;
}

/** Whether what the stage runs, as its history has it, has passed the checks that the stage has now. */
export function isProven(stage: Stage, { change, proofs }: Standing): boolean {
  return change !== undefined && broughtRelease(change) && "at" in judgeProofs(stage, change, proofs);
}

/**
 * Runs a stage's checks against what was brought there, and records what they found. Where they fail and the stage says so,
 * a release that was never verified there gives way to the one before. Throws `check-failed` (exit 1).
 */
export async function proveDeployment(proving: Proving): Promise<VerificationResult> {
  const { workspace, stage, release } = proving;
  const purpose = { aim: "to verify in", state: `${stage.name} runs ${release.name}, not verified` };
  const result = await runningRelease(workspace, stage, purpose, release)
    .then((found) => runVerification(workspace, stage, found))
    .catch((error: unknown) => {
      // A host that does not answer, say: that is no verdict, and the release stays as it is.
      throw error instanceof EnvctlError
        ? error.with({ state: purpose.state, next: `envctl verify ${stage.name}` })
        : error;
    });
  // It may have died of its checks.
  const unwell = await runningRelease(workspace, stage, { ...purpose, aim: "any more in" }, release).then(
    () => undefined,
    (error: unknown) => {
      workspace.signal.throwIfAborted();
      if (error instanceof EnvctlError && error.code === "stage-not-ready") return error;
      throw error;
    },
  );
  await proving.requireHeld();
  const record = verifyRecord(workspace, stage, release, result, unwell && messageOf(unwell));
  await append(proving, record);
  if (record.outcome === "succeeded") return result;
  const state = await afterFailure(proving, record.reason ?? "");
  if (result.passed && unwell) {
    throw new EnvctlError({
      code: unwell.code,
      exitCode: ExitCode.failed,
      what: unwell.message,
      where: unwell.where,
      ...state,
    });
  }
  throw checksFailed(stage, release, result, state);
}

/** Like the record of the change itself: that it cannot be written does not undo what was done. */
async function append({ workspace, ledger, signer }: Proving, record: StageRecord): Promise<void> {
  await workspace.progress.step("record the checks", async (progress) => {
    try {
      await ledger.append(record, signer, timeLimit(30_000));
    } catch (error) {
      progress.note("not recorded");
      workspace.progress.warn(`what the checks found is not in the stage's history: ${messageOf(error)}`);
    }
  });
}

interface AfterFailure {
  readonly state: string;
  readonly next: string;
}

async function afterFailure(proving: Proving, reason: string): Promise<AfterFailure> {
  const { workspace, stage, release, kind, ledger } = proving;
  const keeps = {
    state: `${stage.name} goes on running ${release.name}, not verified: it is promoted no further`,
    next: `envctl rollback ${stage.name}, or envctl verify ${stage.name} once that is mended`,
  };
  if (stage.verify.onFailure === "keep" || kind === "rollback") return keeps;
  const before = await releaseBefore(ledger, release.digest, workspace.signal).catch((error: unknown) => {
    workspace.signal.throwIfAborted();
    workspace.progress.warn(`what ran in ${stage.name} before cannot be told: ${messageOf(error)}`);
    return undefined;
  });
  if (!before) return { ...keeps, state: `${keeps.state} (there is nothing before it to go back to)` };
  const target = await releaseNamed(workspace, stage, before);
  await workspace.progress.step(`go back to ${target.name}`, () => proving.bring(target, `${release.name}: ${reason}`));
  const again = `${stage.name} runs ${target.name} again`;
  const next = `envctl history ${stage.name} tells what was done; mend the release, and promote the next one`;
  try {
    await proveDeployment({ ...proving, release: target, kind: "rollback" });
    return { state: `${again}, and its checks passed`, next };
  } catch (error) {
    if (!(error instanceof EnvctlError) || error.code !== "check-failed") throw error;
    return {
      state: `${again}, whose checks fail as well: ${error.message}`,
      next: `envctl verify ${stage.name} once that is mended`,
    };
  }
}
