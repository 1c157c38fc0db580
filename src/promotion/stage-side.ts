import { messageOf } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import type { ImageContent } from "../plan/compare-images.ts";
import type { StageSide } from "../plan/compare-stages.ts";
import { readLayers } from "../registry/layers.ts";
import type { Release } from "../release/release.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { lookUpSecrets } from "../secrets/resolve.ts";
import { type ReleaseName, releaseNamed, stageReleases } from "./current.ts";
import { Ledger } from "./ledger.ts";
import { readPins } from "./pins.ts";
import { secretNames } from "./stage-secrets.ts";

/** What a stage runs, to be compared with another. */
export async function stageSide(workspace: Workspace, stage: Stage): Promise<StageSide> {
  const { environment, variables } = workspace;
  const [current, { values: secrets }] = await Promise.all([
    whatRuns(workspace, stage),
    lookUpSecrets(secretNames(stage), { stage: stage.name, directory: environment.directory, variables }),
  ]);
  const release = current.release && (await releaseNamed(workspace, stage, current.release));
  const image = release && (await imageOf(workspace, stage, release));
  return { stage, release, image, services: current.services, secrets };
}

interface Current {
  readonly release: ReleaseName | undefined;
  readonly services: Readonly<Record<string, string>>;
}

/** By its history; where the registry does not answer, by what its hosts run and the lock file pins. */
async function whatRuns(workspace: Workspace, stage: Stage): Promise<Current> {
  const { environment, connections, signal } = workspace;
  try {
    const repository = await connections.repository(stage.repository);
    const newest = await new Ledger(repository, environment.name, stage.name).newestSuccess(signal);
    return newest?.record ?? { release: undefined, services: {} };
  } catch {
    signal.throwIfAborted();
    // It says what is the matter with the history, and asks the hosts.
    const [[release], services] = await Promise.all([stageReleases(workspace, stage), readPins(environment.directory)]);
    return { release, services };
  }
}

async function imageOf(workspace: Workspace, stage: Stage, release: Release): Promise<ImageContent | undefined> {
  const [platform, manifest] =
    Object.entries(release.manifests).sort(([left], [right]) => (left < right ? -1 : 1))[0] ?? [];
  if (platform === undefined || manifest === undefined) return undefined;
  try {
    const { registry, path } = await workspace.connections.repository(stage.repository);
    const layers = await readLayers(registry, path, manifest, workspace.signal);
    return layers && { platform, layers };
  } catch (error) {
    workspace.signal.throwIfAborted();
    workspace.progress.warn(`the layers of ${release.name} cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}
