import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { judgeApprovals, standingApprovals } from "../plan/gates/approvals.ts";
import type { JudgedGate } from "../plan/gates/judged-gate.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { keyFolder, readPublicKeys } from "../signing/public-key.ts";
import { findSigner } from "../signing/signing-key.ts";
import { announce } from "./announce.ts";
import { readApprovals, storeApproval } from "./approvals.ts";
import type { Attestation } from "./attestations.ts";
import { author } from "./author.ts";
import { gatherApprovals } from "./gate-facts.ts";
import { findPromotion } from "./promote.ts";
import { recordedRelease } from "./record.ts";

export interface ApprovalOptions {
  /** Name or digest; undefined for what a promotion would take now. */
  readonly release: string | undefined;
  readonly comment: string | undefined;
  /** Takes one's own approval back. */
  readonly withdraw: boolean;
}

/** What is about to be signed: shown before it is. */
export interface ProposedApproval {
  readonly release: Release;
  readonly from: Stage;
  readonly decision: "approved" | "withdrawn";
  /** Name of the key. */
  readonly key: string;
  readonly signer: Signer;
  /** RFC 3339: later than all that this key has said before, whatever the machine's clock says. */
  readonly at: string;
}

/**
 * Finds out what would be signed, and by whom. Throws `approvals-need-keys` and `no-signing-key` (exit 2), and
 * `nothing-to-withdraw` (exit 2). Needs no host of the stage, and no lock.
 */
export async function proposeApproval(
  workspace: Workspace,
  stage: Stage,
  options: ApprovalOptions,
): Promise<ProposedApproval> {
  const { directory } = workspace.environment;
  const signer = await findSigner(directory, workspace.variables);
  if (!signer) throw noKeys(directory);
  const { release, from } = await findPromotion(workspace, stage, options.release);
  const keys = await readPublicKeys(directory);
  const own = (await readApprovals(workspace, stage, release, keys)).filter(({ key }) => key === signer.keyId);
  const key = keys.find(({ id }) => id === signer.keyId)?.name ?? signer.keyId;
  if (options.withdraw && standingApprovals(own).length === 0) throw nothingToWithdraw(stage, release, key);
  const last = Math.max(...own.map(({ at }) => Date.parse(at)));
  const at = new Date(Math.max(workspace.clock.now().getTime(), last + 1)).toISOString();
  return { release, from, decision: options.withdraw ? "withdrawn" : "approved", key, signer, at };
}

/** Signs it and stores it. Returns what became of the stage's approvals, where it asks for any. */
export async function approve(
  workspace: Workspace,
  stage: Stage,
  proposed: ProposedApproval,
  comment: string | undefined,
): Promise<{ readonly attestation: Attestation; readonly gate: JudgedGate | undefined }> {
  const { release, decision, at, signer } = proposed;
  const attestation = await workspace.progress.step(`sign that it is ${decision}`, () =>
    storeApproval(
      workspace,
      {
        decision,
        stage: stage.name,
        release: { name: release.name, digest: release.digest },
        comment,
        by: author(),
        at,
      },
      signer,
    ),
  );
  await announce(workspace, [
    {
      kind: "approve",
      outcome: "succeeded",
      environment: workspace.environment.name,
      stage: stage.name,
      release: recordedRelease(release),
      from: proposed.from.name,
      hosts: [],
      services: {},
      by: author(),
      at,
      reason: undefined,
      comment,
      withdrawn: decision === "withdrawn",
    },
  ]);
  const approvals = await gatherApprovals(workspace, stage, release);
  const [gate] = judgeApprovals(stage.gates.approvals, { approvals, stage: stage.name, release });
  return { attestation, gate };
}

function noKeys(directory: string): EnvctlError {
  return new EnvctlError({
    code: "approvals-need-keys",
    exitCode: ExitCode.usage,
    what: "an approval is signed, and this environment has no keys whose signatures count",
    where: keyFolder(directory),
    state: "nothing was signed",
    next: "envctl keys init, and commit .envctl/keys",
  });
}

function nothingToWithdraw(stage: Stage, release: Release, key: string): EnvctlError {
  return new EnvctlError({
    code: "nothing-to-withdraw",
    exitCode: ExitCode.usage,
    what: `${key} has not approved ${release.name} for ${stage.name}`,
    where: `stage ${stage.name}`,
    state: "nothing was signed",
    next: `envctl gates ${stage.name} --release ${release.name} shows who has`,
  });
}
