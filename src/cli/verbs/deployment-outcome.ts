import type { JudgedGate } from "../../plan/gates/judged-gate.ts";
import type { StagePlan } from "../../plan/plan.ts";
import { stepsOf } from "../../plan/plan.ts";
import { describePlan, describeStep, type PlanSurroundings } from "../../plan/words.ts";
import type { VerificationResult } from "../../promotion/verification.ts";
import type { Release } from "../../release/release.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import type { Report } from "../ci/files.ts";
import { escapeMarkdown } from "../ci/markdown.ts";
import type { Context, Outcome } from "../verb.ts";
import { verificationDocument, verificationLines } from "./verification-outcome.ts";

interface Deployed {
  readonly verb: "up" | "promote" | "rollback" | "plan";
  readonly plan: StagePlan;
  readonly changed: boolean;
  readonly release: Release;
  readonly dryRun: boolean;
  /** What the checks of the stage found, where they were run. */
  readonly verification?: VerificationResult | undefined;
  /** Those that were looked at. */
  readonly gates?: readonly JudgedGate[];
  /** More keys for the document. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What up, promote, rollback and plan print: the plan if nothing was done, else one sentence. */
export async function deploymentOutcome(
  context: Context,
  { hooks }: Pick<Workspace, "hooks">,
  deployed: Deployed,
): Promise<Outcome> {
  const { plan, release, changed, dryRun, gates = [] } = deployed;
  const around = { hooks: [...(await hooks.files()).keys()].filter(isOfDeploy), gates };
  const json = {
    verb: deployed.verb,
    environment: plan.environment,
    stage: plan.stage,
    release: releaseDocument(release),
    changed: changed && !dryRun,
    dryRun,
    ...deployed.extra,
    ...(deployed.verification ? { verification: verificationDocument(deployed.verification) } : {}),
    plan: planDocument(plan, around),
  };
  if (dryRun) return { json, text: [...describePlan(plan, around), plan.notice.sentence].join("\n") };
  const { paint } = context;
  const { verification } = deployed;
  const where = plan.hosts.map((host) => host.host).join(", ");
  const what = `${plan.environment} ${release.name}`;
  const sentence = changed
    ? `${paint("green", "✓")} ${paint("bold", plan.stage)} runs ${what} on ${where}`
    : `${paint("green", "✓")} ${paint("bold", plan.stage)} runs ${what} already${verification ? ", and is verified now" : ": nothing to do"}`;
  const lines = [sentence, ...(verification ? verificationLines(context, verification) : [])];
  const text = [...lines, `  ${paint("dim", release.digest)}`].join("\n");
  return { json, text, report: reportOf(deployed, where) };
}

function reportOf({ plan, release, changed, extra = {} }: Deployed, where: string): Report {
  const from = typeof extra.from === "string" ? ` from ${extra.from}` : "";
  const outputs = { environment: plan.environment, stage: plan.stage, release: release.name, digest: release.digest };
  return {
    outputs: { ...outputs, changed: String(changed) },
    summary: [
      `### ✅ ${escapeMarkdown(`${plan.environment}: ${plan.stage} ${changed ? "runs" : "already ran"} ${release.name}${from}`)}`,
      `| Release | Digest | Hosts |\n| --- | --- | --- |\n| ${[release.name, release.digest, where].map(escapeMarkdown).join(" | ")} |`,
    ].join("\n\n"),
  };
}

export function releaseDocument(release: Release) {
  const { name, digest, fingerprint, commit, dirty, builtAt, size } = release;
  return { name, digest, fingerprint, commit, dirty, builtAt, size };
}

function isOfDeploy(hook: string): boolean {
  return hook.endsWith("-deploy");
}

function planDocument(plan: StagePlan, { hooks, gates }: PlanSurroundings) {
  return {
    gates,
    hooks,
    tasks: plan.tasks.map(({ task, host }) => ({ task: task.name, host })),
    hosts: plan.hosts.map((host) => ({
      host: host.host,
      gap: host.gap,
      changes: host.changes,
      steps: stepsOf(host).map((step) => ({ kind: step.kind, what: describeStep(step) })),
    })),
    notes: plan.notes,
    formerHosts: plan.formerHosts,
    notice: plan.notice,
  };
}
