import type { StagePlan } from "../../plan/plan.ts";
import { stepsOf } from "../../plan/plan.ts";
import { describePlan, describeStep, type PlannedGate, type PlanSurroundings } from "../../plan/words.ts";
import type { Release } from "../../release/release.ts";
import type { Workspace } from "../../rollout/workspace.ts";
import type { Context, Outcome } from "../verb.ts";

interface Deployed {
  readonly verb: "up" | "promote" | "rollback" | "plan";
  readonly plan: StagePlan;
  readonly changed: boolean;
  readonly release: Release;
  readonly dryRun: boolean;
  /** Those that were looked at. */
  readonly gates?: readonly PlannedGate[];
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
    plan: planDocument(plan, around),
  };
  if (dryRun) return { json, text: [...describePlan(plan, around), plan.notice.sentence].join("\n") };
  const { paint } = context;
  const where = plan.hosts.map((host) => host.host).join(", ");
  const what = `${plan.environment} ${release.name}`;
  const sentence = changed
    ? `${paint("green", "✓")} ${paint("bold", plan.stage)} runs ${what} on ${where}`
    : `${paint("green", "✓")} ${paint("bold", plan.stage)} runs ${what} already: nothing to do`;
  return { json, text: `${sentence}\n  ${paint("dim", release.digest)}` };
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
    notice: plan.notice,
  };
}
