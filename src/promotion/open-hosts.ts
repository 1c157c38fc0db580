import { EnvctlError } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The engines of a stage's hosts, in the order of the file. Throws as the first that does not answer. */
export async function openHosts(workspace: Workspace, stage: Stage): Promise<Engine[]> {
  const opened = await Promise.allSettled(
    stage.hosts.map((host) => workspace.connections.engine(host, workspace.signal)),
  );
  const failed = opened.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** The same as the first step of what changes a stage: until then it has changed nothing. */
export async function connectHosts(workspace: Workspace, stage: Stage): Promise<Engine[]> {
  return await workspace.progress.step(`connect to ${stage.name}`, async () => {
    try {
      return await openHosts(workspace, stage);
    } catch (error) {
      throw error instanceof EnvctlError ? error.with({ state: "nothing was changed on any host" }) : error;
    }
  });
}
