import { messageOf } from "../base/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { ownProxyName, siteId } from "../plan/naming.ts";
import { isRunning, type ObservedHost, type ObservedProxy, roleOf } from "../plan/observed.ts";
import { ownProxies } from "../plan/plan-sites.ts";
import { observeHost, stageLabels } from "../rollout/observe.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import { proxyVolumes, removeProxy } from "../rollout/remove-proxy.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { author, openHosts } from "./deploy.ts";
import { Ledger } from "./ledger.ts";
import { whileLocked } from "./locked.ts";

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
  const engines = await progress.step(`connect to ${stage.name}`, () => openHosts(workspace, stage));
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
  await whileLocked(workspace, stage, first, `envctl down ${stage.name}`, async () => {
    await progress.step("take down", async (at) => {
      await Promise.all(
        hosts.map(({ engine, observed, left, volumes }) =>
          at.step(engine.name, async () => {
            await leaveProxies(workspace, engine, observed, place, options.volumes);
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
    await record(workspace, stage);
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

function sharedProxies(observed: ObservedHost, id: string): ObservedProxy[] {
  return observed.proxies.filter(
    ({ container, sites }) => container.labels[Label.stage] === undefined && sites.some((site) => site.id === id),
  );
}

/** Takes the stage out of the proxies first, so that none of them asks containers that are going away. */
async function leaveProxies(
  { environment, clock, signal }: Workspace,
  engine: Engine,
  observed: ObservedHost,
  place: { readonly environment: string; readonly stage: string },
  certificates: boolean,
): Promise<void> {
  const id = siteId(place);
  const why = `envctl down ${place.stage} of ${environment.name}`;
  const proxies = new ProxyHost({ engine, clock, certificate: undefined, why, bringImage: undefined });
  for (const { container } of sharedProxies(observed, id)) {
    await proxies.forget(container.name, id, signal);
    // It stays where it serves others, also those that came meanwhile.
    await proxies.remove(container, { certificates }, signal);
  }
  // One that served the stage once may still be on its network, and no engine removes a network that is in use.
  for (const { container } of observed.proxies) {
    for (const network of observed.networks) {
      if (network in container.networks) await engine.disconnectNetwork(network, container.name, signal);
    }
  }
  for (const { container } of ownProxies(observed, place))
    await proxies.remove(container, { certificates: true }, signal);
}

async function record(workspace: Workspace, stage: Stage): Promise<void> {
  try {
    const repository = await workspace.connections.repository(stage.repository);
    await new Ledger(repository, workspace.environment.name, stage.name).append({
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
    });
  } catch (error) {
    workspace.progress.warn(`this is not in the stage's history: ${messageOf(error)}`);
  }
}
