import type { Stage } from "../environment/model.ts";
import { judge } from "../plan/gates/judge.ts";
import type { JudgedGate } from "../plan/gates/judged-gate.ts";
import { opensTogether } from "../plan/gates/opens-together.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { gatherFacts } from "./gate-facts.ts";
import type { FoundRelease } from "./source.ts";

/** Every gate between a release and a stage, as it is now: open or closed, and what would open it. Changes nothing. */
export async function judgeGates(
  workspace: Workspace,
  stage: Stage,
  found: FoundRelease,
): Promise<readonly JudgedGate[]> {
  return (await lookAtGates(workspace, stage, found)).gates;
}

/** The same, with when they are all open (RFC 3339) where only time has to pass. */
export async function lookAtGates(
  workspace: Workspace,
  stage: Stage,
  found: FoundRelease,
): Promise<{ readonly gates: readonly JudgedGate[]; readonly opensAt: string | undefined }> {
  const facts = await gatherFacts(workspace, stage, found);
  const now = workspace.clock.now().getTime();
  const opens = opensTogether(stage.gates, facts, now);
  return {
    gates: judge(stage.gates, facts, now),
    opensAt: opens === undefined ? undefined : new Date(opens).toISOString(),
  };
}
