import { readFile } from "node:fs/promises";
import { type Digest, digestOf } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { flatten } from "../base/flatten.ts";
import { mask, maskValue } from "../environment/mask.ts";
import type { Stage } from "../environment/model.ts";
import { stageDocument } from "../environment/resolved-document.ts";
import type { StagePlan } from "../plan/plan.ts";
import { type Moment, type SavedPlan, stepsToKeep, whatMoved } from "../plan/saved-plan.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { lastingFingerprint } from "../secrets/fingerprint.ts";
import type { LedgerEntry } from "./record.ts";

/** That a plan is to be kept, or that one that was kept is to be carried out. */
export interface KeptPlan {
  readonly salt: string;
  /** Undefined for a plan that is only made. */
  readonly saved: SavedPlan | undefined;
}

/** What was read before a plan was made. */
export interface Basis {
  readonly head: LedgerEntry | undefined;
  readonly pins: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Fingerprint. */
  readonly certificate: string | undefined;
}

/** All that a plan follows from, and the plan, without anything that is secret. */
export async function takeMoment(
  workspace: Workspace,
  stage: Stage,
  plan: StagePlan,
  basis: Basis,
  salt: string,
): Promise<Moment> {
  const { head } = basis;
  const hooks = await workspace.hooks.files();
  const [secrets, configuration] = await Promise.all([
    mapValues(basis.secrets, (value) => lastingFingerprint(value, salt)),
    configurationOf(workspace, stage, salt),
  ]);
  return {
    head: head ? { digest: head.digest, what: headInWords(head) } : null,
    configuration,
    secrets,
    services: basis.pins,
    hooks: await mapValues(Object.fromEntries(hooks), async (file) => digestOf(await readFile(file))),
    certificate: basis.certificate ?? null,
    ...stepsToKeep(plan),
  };
}

/** Throws `plan-outdated` (exit 3) where the world is another than it was when the plan was made. */
export function requireSame(saved: SavedPlan, now: Moment): void {
  const moved = whatMoved(saved.moment, now);
  if (moved.length > 0) throw outdated(saved, moved);
}

/** The same where the verb would take another release: `now` says which. */
export function requirePlanned(
  saved: SavedPlan | undefined,
  release: { readonly digest: Digest } | undefined,
  now: string,
): void {
  if (saved && saved.release.digest !== release?.digest) throw outdated(saved, [now]);
}

function outdated({ verb, stage, release, madeAt }: SavedPlan, moved: readonly string[]): EnvctlError {
  const wish = verb === "rollback" ? " --for rollback" : "";
  return new EnvctlError({
    code: "plan-outdated",
    exitCode: ExitCode.gateClosed,
    what: `the plan of ${madeAt} for ${release.name} in ${stage} is out of date: the world has moved`,
    where: `stage ${stage}`,
    evidence: moved,
    state: "nothing was touched",
    next: `look at what would be done now, and keep it anew: envctl plan ${stage}${wish} --out <file>`,
  });
}

/** As `envctl config` shows it; where a value is masked, a fingerprint tells whether it is the same. */
async function configurationOf(
  { environment }: Workspace,
  stage: Stage,
  salt: string,
): Promise<Record<string, string>> {
  const leaves = flatten(stageDocument(stage));
  const workloads = [
    { path: "app", env: stage.app.env },
    ...stage.workers.map(({ name, env }) => ({ path: `workers.${name}`, env })),
    ...stage.services.map(({ name, env }) => ({ path: `services.${name}`, env })),
  ];
  for (const { path, env } of workloads) {
    for (const [name, value] of Object.entries(env)) {
      const shown = maskValue(name, value);
      if (shown.includes(mask)) leaves.set(`${path}.env.${name}`, `${shown} ${await lastingFingerprint(value, salt)}`);
    }
  }
  for (const { name, command, when } of environment.tasks) {
    if (when.endsWith("-switch")) leaves.set(`tasks.${name}`, `${when}: ${command.join(" ")}`);
  }
  return Object.fromEntries(leaves);
}

function headInWords({ sequence, record }: LedgerEntry): string {
  const what = `${record.kind}${record.release ? ` of ${record.release.name}` : ""}`;
  const how = record.outcome === "failed" ? ", which failed" : "";
  return `record ${sequence}, ${what} by ${record.by} at ${record.at}${how}`;
}

async function mapValues(
  values: Readonly<Record<string, string>>,
  change: (value: string) => Promise<string>,
): Promise<Record<string, string>> {
  const entries = Object.entries(values).map(async ([name, value]) => [name, await change(value)] as const);
  return Object.fromEntries(await Promise.all(entries));
}
