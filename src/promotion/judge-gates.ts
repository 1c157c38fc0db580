import type { Stage } from "../environment/model.ts";
import { judge } from "../plan/gates/judge.ts";
import type { JudgedGate } from "../plan/gates/judged-gate.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { gatherFacts } from "./gate-facts.ts";

/** Every gate between a release and a stage, as it is now: open or closed, and what would open it. Changes nothing. */
export async function judgeGates(
  workspace: Workspace,
  stage: Stage,
  release: Release,
  from: Stage,
): Promise<readonly JudgedGate[]> {
  return judge(stage.gates, await gatherFacts(workspace, stage, release, from), workspace.clock.now().getTime());
}
