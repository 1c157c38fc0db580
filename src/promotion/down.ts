import type { Stage } from "../environment/model.ts";
import { hostsSince, type LastHosts } from "../plan/former-hosts.ts";
import { StageLock } from "../rollout/lock.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { belongingsOn, clearHost, type DownHost, downHost, isNothing } from "./clear-host.ts";
import { runsOn } from "./last-hosts.ts";
import { whileLocked } from "./locked.ts";
import { connectHosts } from "./open-hosts.ts";
import { readLastHosts } from "./read-last-hosts.ts";
import { recordDown } from "./record-down.ts";
import { stageSigner } from "./stage-signer.ts";

/** Stops and removes a stage's containers and networks on all its hosts; its volumes only if asked. */
export async function takeDown(
  workspace: Workspace,
  stage: Stage,
  options: { readonly volumes: boolean; readonly dryRun: boolean },
): Promise<DownHost[]> {
  const { environment, progress, signal } = workspace;
  const place = { environment: environment.name, stage: stage.name };
  const engines = await connectHosts(workspace, stage);
  const look = () => Promise.all(engines.map((engine) => belongingsOn(engine, place, options, signal)));
  const seen = (await look()).map(downHost);
  const [first] = engines;
  if (options.dryRun || !first) return seen;
  if (seen.every(isNothing) && !isTold(stage, await readLastHosts(workspace, stage))) {
    // Whoever is at work there, as in a first rollout, may be about to bring something.
    const lock = new StageLock(first, place, workspace.clock);
    if ((await lock.holders(signal)).length === 0) return seen;
  }
  const signer = await stageSigner(workspace, options);
  return await whileLocked(workspace, stage, first, `envctl down ${stage.name}`, async () => {
    // A rollout may have ended just now: what goes is what is there since.
    const found = await look();
    const result = found.map(downHost);
    const last = await readLastHosts(workspace, stage);
    if (result.every(isNothing) && !isTold(stage, last)) return result;
    const hosts = stage.hosts.map((host) => host.name);
    const present = found.map(({ observed: { name, containers } }) => ({ name, containers }));
    const since = hostsSince(last, present);
    await progress.step("take down", async (at) => {
      await Promise.all(
        found.map((belongings) => at.step(belongings.engine.name, () => clearHost(workspace, belongings, options))),
      );
    });
    await recordDown(
      workspace,
      stage,
      { hosts, ...runsOn({ kind: "down", outcome: "succeeded", hosts }, since) },
      signer,
    );
    return result;
  });
}

/** Whether the history has the stage run where it does not: it was taken down, and that could not be written down. */
function isTold({ hosts }: Stage, last: LastHosts | undefined): boolean {
  return hosts.some(({ name }) => last?.ran.includes(name));
}
