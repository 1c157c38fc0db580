import { EnvctlError, messageOf } from "../base/errors.ts";
import type { Engine, ObservedContainer, ObservedImage } from "../engine/engine.ts";
import { Label } from "../engine/engine.ts";
import { isRunning, roleOf } from "../plan/observed.ts";
import { collectGarbage } from "../registry/embedded/garbage.ts";
import { ImageLabel } from "../release/release.ts";
import { embeddedRegistryDirectory } from "../rollout/connections.ts";
import { observeHost } from "../rollout/observe.ts";
import { observeProxies } from "../rollout/observe-proxies.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { distinctEngines, type FoundEngine } from "./distinct-engines.ts";
import { leaveProxies, sharedProxies } from "./leave-proxies.ts";
import { whileLocked } from "./locked.ts";
import { openHosts } from "./open-hosts.ts";
import { readLastHosts } from "./read-last-hosts.ts";
import { recordDown } from "./record-down.ts";
import { stageSigner } from "./stage-signer.ts";

export interface PrunedHost {
  readonly host: string;
  /** Stages that the environment file no longer has there, and that had something there. */
  readonly stages: readonly string[];
  /** Containers of stages that the environment file no longer has. */
  readonly containers: readonly string[];
  /** Networks of such stages. */
  readonly networks: readonly string[];
  /** Their sites, by `stage in proxy`. */
  readonly sites: readonly string[];
  /** Releases that no container on the host uses, running or kept for rollback. */
  readonly images: readonly string[];
  /** Bytes, shared layers included. */
  readonly size: number;
}

/** Removes what is left of this environment on its hosts and nobody needs: never a container that a stage runs or keeps. */
export async function prune(workspace: Workspace, options: { readonly dryRun: boolean }): Promise<PrunedHost[]> {
  const { environment, progress } = workspace;
  const engines = await progress.step("look at the hosts", () => findEngines(workspace));
  const result = await progress.step("prune hosts", (at) =>
    Promise.all(engines.map((found) => at.step(found.engine.name, () => pruneHost(workspace, found, options)))),
  );
  if (!options.dryRun) await recordFormer(workspace, result);
  if (!options.dryRun && environment.image.registry === undefined) {
    await progress.step("prune the embedded registry", async () => {
      await collectGarbage(embeddedRegistryDirectory(workspace.variables));
    });
  }
  return result;
}

/** All must answer before anything is removed: what a stage runs on one may be known under the name of another. */
async function findEngines({ environment, connections, signal }: Workspace): Promise<FoundEngine[]> {
  const hosts = new Map(environment.stages.flatMap((stage) => stage.hosts).map((host) => [host.name, host]));
  const found = await Promise.all(
    [...hosts.values()].map(async (host) => {
      const engine = await connections.engine(host, signal);
      return { engine, containers: await engine.containers({ [Label.environment]: environment.name }, signal) };
    }),
  );
  return distinctEngines(found);
}

async function pruneHost(
  workspace: Workspace,
  { engine, names, containers }: FoundEngine,
  options: { readonly dryRun: boolean },
): Promise<PrunedHost> {
  const { environment, signal } = workspace;
  const images = await engine.images({ [ImageLabel.environment]: environment.name }, signal);
  const stages = new Set(
    environment.stages
      .filter((stage) => stage.hosts.some((host) => names.includes(host.name)))
      .map((stage) => stage.name),
  );
  const orphans = containers.filter((container) => !stages.has(container.labels[Label.stage] ?? ""));
  const used = new Set(
    containers.filter((container) => !orphans.includes(container)).map((container) => container.imageId),
  );
  const unused = images.filter((image) => !used.has(image.id));
  const gone = await goneStages(workspace, engine, stages, containers);
  if (!options.dryRun) {
    for (const { place, observed } of gone) {
      await leaveProxies(workspace, engine, observed, place, { certificates: false, why: "prune" });
    }
    for (const orphan of orphans.filter((container) => roleOf(container) !== "proxy")) {
      if (isRunning(orphan)) await engine.stopContainer(orphan.id, orphan.stopGrace, signal);
      await engine.removeContainer(orphan.id, signal);
    }
    for (const { observed } of gone) {
      for (const network of observed.networks) await engine.removeNetwork(network, signal);
    }
    for (const image of unused) await removeImage(workspace, engine, image);
  }
  return {
    host: engine.name,
    stages: gone.map(({ place }) => place.stage),
    containers: orphans.map((container) => container.name),
    networks: gone.flatMap(({ observed }) => observed.networks),
    sites: gone.flatMap(({ place, observed }) =>
      sharedProxies(observed, place).map(({ container }) => `${place.stage} in ${container.name}`),
    ),
    images: unused.map((image) => image.labels[ImageLabel.release] ?? image.id),
    size: unused.reduce((sum, image) => sum + image.size, 0),
  };
}

/**
 * What of a stage was removed from hosts that it has no more is written in its history: else they would be told of for ever.
 * It is done already: who cannot write it down is warned.
 */
async function recordFormer(workspace: Workspace, pruned: readonly PrunedHost[]): Promise<void> {
  for (const stage of workspace.environment.stages) {
    const cleared = pruned.filter(({ stages }) => stages.includes(stage.name)).map(({ host }) => host);
    if (cleared.length === 0) continue;
    try {
      const ran = (await readLastHosts(workspace, stage))?.ran ?? [];
      const hosts = cleared.filter((host) => ran.includes(host));
      const [first] = hosts.length > 0 ? await openHosts(workspace, stage) : [];
      if (!first) continue;
      const signer = await stageSigner(workspace, { dryRun: false });
      await whileLocked(workspace, stage, first, "envctl prune", () =>
        recordDown(workspace, stage, { hosts, former: true }, signer),
      );
    } catch (error) {
      workspace.signal.throwIfAborted();
      workspace.progress.warn(`this is not in the history of ${stage.name}: ${messageOf(error)}`);
    }
  }
}

/** Stages that the file no longer has on this host, and that left something there. */
async function goneStages(
  { environment, signal }: Workspace,
  engine: Engine,
  present: ReadonlySet<string>,
  containers: readonly ObservedContainer[],
) {
  const [networks, proxies] = await Promise.all([
    engine.networks({ [Label.environment]: environment.name }, signal),
    observeProxies(engine, undefined, signal),
  ]);
  const sites = proxies.flatMap((proxy) => proxy.sites).filter((site) => site.environment === environment.name);
  const labelled = [...containers, ...networks].map(({ labels }) => labels[Label.stage] ?? "");
  const names = new Set([...labelled, ...sites.map((site) => site.stage)]);
  const gone = [...names].filter((name) => name !== "" && !present.has(name));
  return await Promise.all(
    gone.map(async (stage) => {
      const place = { environment: environment.name, stage };
      return { place, observed: await observeHost(engine, place, undefined, signal) };
    }),
  );
}

/** Somebody else's container may use the image: then the engine refuses, and that is right. */
async function removeImage(workspace: Workspace, engine: Engine, image: ObservedImage): Promise<void> {
  const names = [...image.tags, ...image.repoDigests];
  for (const reference of names.length > 0 ? names : [image.id]) {
    try {
      await engine.removeImage(reference, workspace.signal);
    } catch (error) {
      if (!(error instanceof EnvctlError) || error.code !== "image-in-use") throw error;
      workspace.progress.warn(`${engine.name}: ${reference} is kept: ${messageOf(error)}`);
    }
  }
}
