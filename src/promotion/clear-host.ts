import type { Engine } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import { ownProxyName } from "../plan/naming.ts";
import { isRunning, type ObservedHost, roleOf } from "../plan/observed.ts";
import { observeHost, stageLabels } from "../rollout/observe.ts";
import { proxyVolumes, removeProxy } from "../rollout/remove-proxy.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { leaveProxies, sharedProxies } from "./leave-proxies.ts";

/** What `down` removes, or would. */
export interface DownHost {
  readonly host: string;
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Proxies that stages share, and that serve this one no more. */
  readonly proxies: readonly string[];
}

interface Place {
  readonly environment: string;
  readonly stage: string;
}

/** What a stage has on a host. */
export interface Belongings {
  readonly engine: Engine;
  readonly place: Place;
  readonly observed: ObservedHost;
  /** Only where they were asked for. */
  readonly volumes: readonly string[];
  /** Volumes of its own proxy, which never came to be. */
  readonly left: readonly string[];
}

export async function belongingsOn(
  engine: Engine,
  place: Place,
  options: { readonly volumes: boolean },
  signal: AbortSignal,
): Promise<Belongings> {
  const observed = await observeHost(engine, place, undefined, signal);
  const labels = { ...stageLabels(place.environment, place.stage), [Label.role]: "volume" };
  const volumes = options.volumes ? await engine.volumes(labels, signal) : [];
  const left = await leftOfProxy(engine, place, signal);
  return { engine, place, observed, volumes: volumes.map(({ name }) => name), left };
}

export function downHost({ engine, place, observed, volumes, left }: Belongings): DownHost {
  return {
    host: engine.name,
    containers: observed.containers.map((container) => container.name),
    networks: observed.networks,
    volumes: [...volumes, ...left],
    proxies: sharedProxies(observed, place).map(({ container }) => container.name),
  };
}

export function isNothing({ containers, networks, volumes, proxies }: DownHost): boolean {
  return containers.length + networks.length + volumes.length + proxies.length === 0;
}

/** Stops and removes all of it. Call it only while holding the stage's lock. */
export async function clearHost(
  workspace: Workspace,
  { engine, place, observed, volumes, left }: Belongings,
  options: { readonly volumes: boolean },
): Promise<void> {
  const { signal } = workspace;
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
}

/** Volumes of the stage's own proxy where that one never came to be: its port was taken, or the host's disk full. */
async function leftOfProxy(engine: Engine, place: Place, signal: AbortSignal): Promise<string[]> {
  const name = ownProxyName(place);
  if (await engine.container(name, signal)) return [];
  return (await proxyVolumes(engine, name, signal)).map((volume) => volume.name);
}
