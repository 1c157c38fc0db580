import type { Engine } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { proxyVolume, siteId } from "../plan/naming.ts";
import { desiredSites } from "../plan/proxies.ts";
import type { Site } from "../proxy/proxy.ts";
import { proxyVolumes } from "../rollout/remove-proxy.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { whileLocked } from "./locked.ts";
import { openHosts } from "./open-hosts.ts";
import { firstHost, proxyHostOf, stageProxies } from "./stage-proxies.ts";

/** A proxy, or what is left of one, and who would miss it. */
export interface RemovableProxy {
  readonly engine: Engine;
  /** Its container's id; its name where only volumes are left. */
  readonly id: string;
  readonly name: string;
  readonly stopGrace: number;
  readonly volumes: readonly string[];
  /** Sites of other stages and environments. */
  readonly others: readonly Site[];
  /** Why nobody knows whom it serves. */
  readonly problem: string | undefined;
}

/** What `proxy remove` would remove on the hosts of a stage. */
export async function removableProxies(
  workspace: Workspace,
  stage: Stage,
  options: { readonly certificates: boolean },
): Promise<RemovableProxy[]> {
  const { signal } = workspace;
  const place = { environment: workspace.environment.name, stage: stage.name };
  const id = siteId(place);
  const volumesOf = async (engine: Engine, name: string) =>
    (await proxyVolumes(engine, name, signal))
      .map((volume) => volume.name)
      .filter((volume) => options.certificates || volume === proxyVolume(name, "envctl"));
  const standing = await Promise.all(
    (await stageProxies(workspace, stage)).map(async ({ engine, container, sites, problem }) => ({
      engine,
      id: container.id,
      name: container.name,
      stopGrace: container.stopGrace,
      volumes: await volumesOf(engine, container.name),
      others: sites.filter((site) => site.id !== id),
      problem,
    })),
  );
  // Somebody may have removed the container alone.
  const names = desiredSites(place, stage, { release: { name: "" }, upstreams: [] }, undefined).map(
    ({ proxy }) => proxy.name,
  );
  const left = (await openHosts(workspace, stage)).flatMap((engine) =>
    names
      .filter((name) => !standing.some((proxy) => proxy.engine === engine && proxy.name === name))
      .map(async (name): Promise<RemovableProxy[]> => {
        const found = await engine.container(name, signal);
        // One that serves others alone is theirs, and a container of the user's is no proxy.
        if (found) return [];
        const volumes = await volumesOf(engine, name);
        return volumes.length === 0
          ? []
          : [{ engine, id: name, name, stopGrace: 0, volumes, others: [], problem: undefined }];
      }),
  );
  return [...standing, ...(await Promise.all(left)).flat()];
}

/** Removes these proxies with their volumes, whoever is served by them, and the network of proxies after the last. */
export async function removeProxies(
  workspace: Workspace,
  stage: Stage,
  proxies: readonly RemovableProxy[],
  options: { readonly certificates: boolean },
): Promise<void> {
  if (proxies.length === 0) return;
  const first = await firstHost(workspace, stage);
  await whileLocked(workspace, stage, first, `envctl proxy remove ${stage.name}`, async () => {
    for (const proxy of proxies) {
      await workspace.progress.step(`remove ${proxy.name} on ${proxy.engine.name}`, async () => {
        const host = proxyHostOf(workspace, stage, proxy.engine, { verb: "proxy remove" });
        await host.remove(proxy, { certificates: options.certificates, inUse: true }, workspace.signal);
      });
    }
  });
}
