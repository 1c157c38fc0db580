import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { ownProxyName, siteId } from "../plan/naming.ts";
import { isRunning, roleOf } from "../plan/observed.ts";
import { observeHost, stageLabels } from "../rollout/observe.ts";
import { proxyVolumes, removeProxy } from "../rollout/remove-proxy.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { Signer } from "../signing/envelope.ts";
import { announce } from "./announce.ts";
import { author } from "./author.ts";
import { leaveProxies, sharedProxies } from "./leave-proxies.ts";
import { Ledger } from "./ledger.ts";
import { whileLocked } from "./locked.ts";
import { connectHosts } from "./open-hosts.ts";
import { stageSigner } from "./stage-signer.ts";

/** What `down` removes, or would. */
export interface DownHost {
  readonly host: string;
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Proxies that stages share, and that serve this one no more. */
  readonly proxies: readonly string[];
}

/** Stops and removes a stage's containers and networks on all its hosts; its volumes only if asked. */
export async function takeDown(
  workspace: Workspace,
  stage: Stage,
  options: { readonly volumes: boolean; readonly dryRun: boolean },
): Promise<DownHost[]> {
  const { environment, progress, signal } = workspace;
  const place = { environment: environment.name, stage: stage.name };
  const id = siteId(place);
  const engines = await connectHosts(workspace, stage);
  const hosts = await Promise.all(
    engines.map(async (engine) => {
      const observed = await observeHost(engine, place, undefined, signal);
      const labels = { ...stageLabels(place.environment, place.stage), [Label.role]: "volume" };
      const volumes = options.volumes ? await engine.volumes(labels, signal) : [];
      const left = await leftOfProxy(engine, place, signal);
      return { engine, observed, left, volumes: volumes.map((volume) => volume.name) };
    }),
  );
  const result = hosts.map(({ engine, observed, left, volumes }) => ({
    host: engine.name,
    containers: observed.containers.map((container) => container.name),
    networks: observed.networks,
    volumes: [...volumes, ...left],
    proxies: sharedProxies(observed, id).map(({ container }) => container.name),
  }));
  const [first] = engines;
  const nothing = result.every(
    (host) => host.containers.length + host.networks.length + host.volumes.length + host.proxies.length === 0,
  );
  if (options.dryRun || nothing || !first) return result;
  const signer = await stageSigner(workspace, options);
  await whileLocked(workspace, stage, first, `envctl down ${stage.name}`, async () => {
    await progress.step("take down", async (at) => {
      await Promise.all(
        hosts.map(({ engine, observed, left, volumes }) =>
          at.step(engine.name, async () => {
            await leaveProxies(workspace, engine, observed, place, { certificates: options.volumes, why: "down" });
            if (left.length > 0) {
              const name = ownProxyName(place);
              await removeProxy(engine, { id: name, name, stopGrace: 0 }, signal, { certificates: true });
            }
            const rest = observed.containers.filter((container) => roleOf(container) !== "proxy");
            await Promise.all(
              rest.map(async (container) => {
                if (isRunning(container)) await engine.stopContainer(container.id, container.stopGrace, signal);
                await engine.removeContainer(container.id, signal);
              }),
            );
            for (const network of observed.networks) await engine.removeNetwork(network, signal);
            for (const volume of volumes) await engine.removeVolume(volume, signal);
          }),
        ),
      );
    });
    await record(workspace, stage, signer);
  });
  return result;
}

/** Volumes of the stage's own proxy where that one never came to be: its port was taken, or the host's disk full. */
async function leftOfProxy(
  engine: Engine,
  place: { readonly environment: string; readonly stage: string },
  signal: AbortSignal,
): Promise<string[]> {
  const name = ownProxyName(place);
  if (await engine.container(name, signal)) return [];
  return (await proxyVolumes(engine, name, signal)).map((volume) => volume.name);
}

async function record(workspace: Workspace, stage: Stage, signer: Signer | undefined): Promise<void> {
  const entry = {
    version: 1,
    kind: "down",
    outcome: "succeeded",
    environment: workspace.environment.name,
    stage: stage.name,
    release: undefined,
    from: undefined,
    hosts: stage.hosts.map((host) => host.name),
    services: {},
    by: author(),
    at: workspace.clock.now().toISOString(),
    reason: undefined,
  } as const;
  try {
    const repository = await workspace.connections.repository(stage.repository);
    await new Ledger(repository, workspace.environment.name, stage.name).append(entry, signer);
  } catch (error) {
    workspace.progress.warn(`this is not in the stage's history: ${messageOf(error)}`);
  }
  await announce(workspace, [entry]);
}
