import { messageOf } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { announce } from "./announce.ts";
import { author } from "./author.ts";
import { Ledger } from "./ledger.ts";
import type { StageRecord } from "./record.ts";

/** Writes down that a stage was taken down on these hosts, and tells it. Call it only while holding the stage's lock. */
export async function recordDown(
  workspace: Workspace,
  stage: Stage,
  what: Pick<StageRecord, "hosts" | "runsOn" | "former">,
  signer: Signer | undefined,
): Promise<void> {
  const entry: StageRecord = {
    version: 1,
    kind: "down",
    outcome: "succeeded",
    environment: workspace.environment.name,
    stage: stage.name,
    release: undefined,
    from: undefined,
    ...what,
    services: {},
    by: author(),
    at: workspace.clock.now().toISOString(),
    reason: undefined,
  };
  try {
    const repository = await workspace.connections.repository(stage.repository);
    await new Ledger(repository, workspace.environment.name, stage.name).append(entry, signer);
  } catch (error) {
    workspace.progress.warn(`this is not in the stage's history: ${messageOf(error)}`);
  }
  await announce(workspace, [entry]);
}
