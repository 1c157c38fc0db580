import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { formatInstant } from "../base/zoned-time.ts";
import type { Stage } from "../environment/model.ts";
import type { GateFacts } from "../plan/gates/facts.ts";
import { judge } from "../plan/gates/judge.ts";
import type { JudgedGate } from "../plan/gates/judged-gate.ts";
import { opensTogether } from "../plan/gates/opens-together.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { author } from "./author.ts";
import type { Admission } from "./deployment.ts";
import { gatherAgain } from "./gate-facts.ts";
import type { Ledger } from "./ledger.ts";
import { isOverridden, type Overrides } from "./overrides.ts";
import { recordedRelease, type StageRecord } from "./record.ts";

/** Every gate as it is now. Throws `gate-closed` (exit 3) with each that is closed and that nobody passes. */
export function requireOpen(stage: Stage, facts: GateFacts, now: number, overrides: Overrides): JudgedGate[] {
  const gates = judge(stage.gates, facts, now);
  const closed = gates.filter((gate) => !gate.open && !isOverridden(overrides, gate));
  if (closed.length === 0) return gates;
  const opens = opensTogether(stage.gates, facts, now, (gate) => isOverridden(overrides, gate));
  const { name } = facts.release;
  const names = closed.map(({ gate }) => gate).join(", ");
  throw new EnvctlError({
    code: "gate-closed",
    exitCode: ExitCode.gateClosed,
    what:
      closed.length === 1
        ? `a gate of ${stage.name} is closed for ${name}: ${names}`
        : `${closed.length} gates of ${stage.name} are closed for ${name}: ${names}`,
    where: `stage ${stage.name}`,
    evidence: closed.flatMap(({ gate, found, missing }) => [
      `${gate}: ${found}`,
      ...(missing ? [`  → ${missing}`] : []),
    ]),
    state: `what runs in ${stage.name} is untouched`,
    next:
      opens === undefined
        ? `envctl gates ${stage.name} --release ${name} shows them all again`
        : `wait until ${formatInstant(opens, facts.zone(), facts.zone())}, then the same command again`,
  });
}

/**
 * Under the stage's lock, just before anything is touched: looks again at what may have changed since, and puts what is passed
 * on the record. Throws `gate-closed` (exit 3), and `not-recorded` where that cannot be written: nobody passes unseen.
 */
export async function admit(
  workspace: Workspace,
  stage: Stage,
  before: GateFacts,
  options: {
    readonly overrides: Overrides;
    readonly from: Stage;
    readonly ledger: Ledger;
    readonly signer: Signer | undefined;
  },
): Promise<Admission> {
  const { overrides, from, ledger, signer } = options;
  const facts = await gatherAgain(workspace, stage, before);
  const gates = requireOpen(stage, facts, workspace.clock.now().getTime(), overrides);
  for (const gate of gates.filter((one) => isOverridden(overrides, one))) {
    const record = overrideRecord(workspace, stage, from, facts, { gate: gate.gate, reason: overrides.reason });
    await workspace.progress.step(`record the override of ${gate.gate}`, () =>
      ledger.append(record, signer, workspace.signal).catch((error: unknown) => {
        workspace.signal.throwIfAborted();
        throw notRecorded(stage, gate, error);
      }),
    );
  }
  return {
    gates: gates.map(({ gate, open, found }) => ({ gate, outcome: open ? "open" : "overridden", found })),
    attestations: gates.flatMap(({ attestations = [] }) => attestations),
  };
}

function overrideRecord(
  { environment, clock }: Workspace,
  stage: Stage,
  from: Stage,
  { release }: GateFacts,
  override: NonNullable<StageRecord["override"]>,
): StageRecord {
  return {
    version: 1,
    kind: "override",
    outcome: "succeeded",
    environment: environment.name,
    stage: stage.name,
    release: recordedRelease(release),
    from: from.name,
    hosts: stage.hosts.map((host) => host.name),
    services: {},
    by: author(),
    at: clock.now().toISOString(),
    reason: undefined,
    override,
  };
}

function notRecorded(stage: Stage, { gate }: JudgedGate, error: unknown): EnvctlError {
  return new EnvctlError({
    code: "not-recorded",
    exitCode: error instanceof EnvctlError ? error.exitCode : ExitCode.failed,
    what: `the override of ${gate} cannot be put on record: ${messageOf(error)}`,
    where: `stage ${stage.name}`,
    state: `what runs in ${stage.name} is untouched`,
    next: "nobody passes a gate unseen: once the registry takes records, the same command again",
    cause: error,
  });
}
