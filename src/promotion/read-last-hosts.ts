import { messageOf } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { LastHosts } from "../plan/former-hosts.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { Ledger } from "./ledger.ts";
import { standingOf } from "./verified.ts";

/** Where a stage ran, as its history tells. A registry that does not answer keeps nobody from taking something down. */
export async function readLastHosts(workspace: Workspace, stage: Stage): Promise<LastHosts | undefined> {
  try {
    const repository = await workspace.connections.repository(stage.repository);
    const ledger = new Ledger(repository, workspace.environment.name, stage.name);
    return (await standingOf(ledger, workspace.signal)).last;
  } catch (error) {
    workspace.signal.throwIfAborted();
    workspace.progress.warn(`the history of ${stage.name} cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
