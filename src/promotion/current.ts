import { type Digest, isDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { isDevContainer } from "../plan/dev-container.ts";
import { byGeneration, isRunning, labelledDigest, roleOf } from "../plan/observed.ts";
import { servingApp } from "../plan/serving.ts";
import type { Release } from "../release/release.ts";
import { observeHost } from "../rollout/observe.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { Ledger } from "./ledger.ts";
import { openHosts } from "./open-hosts.ts";
import { isChange } from "./record.ts";
import { loadRelease } from "./releases.ts";

/** A release by name and digest, as histories and labels tell of it. */
export interface ReleaseName {
  readonly name: string;
  readonly digest: Digest;
}

/** A release that ran in a stage. */
export interface PastRelease extends ReleaseName {
  /** True where `envctl dev` ran its image: not the release as it was built, then, and nothing to go back to. */
  readonly dev: boolean;
}

/**
 * The releases that ran in a stage, newest first and each once; the first is what it should run now. From the ledger,
 * or, where the registry does not answer, from the containers that its hosts have kept. History is not read any further
 * back once there is `enough`.
 */
export async function stageReleases(
  workspace: Workspace,
  stage: Stage,
  enough: (releases: readonly PastRelease[]) => boolean = () => false,
): Promise<PastRelease[]> {
  try {
    return await fromLedger(workspace, stage, enough);
  } catch (error) {
    workspace.signal.throwIfAborted();
    workspace.progress.warn(
      `the history of ${stage.name} cannot be read, its hosts are asked instead: ${messageOf(error)}`,
    );
    return await fromHosts(workspace, stage);
  }
}

async function fromLedger(
  workspace: Workspace,
  stage: Stage,
  enough: (releases: readonly PastRelease[]) => boolean,
): Promise<PastRelease[]> {
  const repository = await workspace.connections.repository(stage.repository);
  const ledger = new Ledger(repository, workspace.environment.name, stage.name);
  let releases: readonly PastRelease[] = [];
  for await (const { record } of ledger.entries(Number.POSITIVE_INFINITY, workspace.signal)) {
    const { release } = record;
    if (record.outcome !== "succeeded" || !isChange(record) || !release) continue;
    releases = eachOnce([...releases, { ...namesOf(release), dev: record.dev !== undefined }]);
    if (enough(releases)) break;
  }
  return [...releases];
}

function namesOf({ name, digest }: ReleaseName): ReleaseName {
  return { name, digest };
}

/** As a release, and as what `envctl dev` ran. */
function eachOnce(releases: readonly PastRelease[]): PastRelease[] {
  return releases.filter(
    ({ digest, dev }, index) => releases.findIndex((one) => one.digest === digest && one.dev === dev) === index,
  );
}

async function fromHosts(workspace: Workspace, stage: Stage): Promise<PastRelease[]> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  const engines = await openHosts(workspace, stage);
  const hosts = await Promise.all(engines.map((engine) => observeHost(engine, place, undefined, workspace.signal)));
  const apps = byGeneration(hosts.flatMap((host) => host.containers)).filter(
    (container) => roleOf(container) === "app" && container.startedAt !== undefined,
  );
  const releases: PastRelease[] = [];
  const serving = hosts.flatMap((host) => servingApp(host, place));
  for (const container of [...serving, ...apps.filter(isRunning), ...apps]) {
    const digest = labelledDigest(container);
    if (digest === undefined || !isDigest(digest)) continue;
    releases.push({ name: container.labels["envctl.release"] ?? "", digest, dev: isDevContainer(container) });
  }
  return eachOnce(releases);
}

/** What is known of a release without asking the registry. Enough to run a container that a host has kept. */
export async function releaseNamed(workspace: Workspace, stage: Stage, wanted: ReleaseName): Promise<Release> {
  try {
    return await loadRelease(await workspace.connections.repository(stage.repository), wanted.digest, workspace.signal);
  } catch (error) {
    workspace.signal.throwIfAborted();
    if (error instanceof EnvctlError && error.code === "release-missing") {
      workspace.progress.warn(`${wanted.name} is no longer in the registry: only hosts that kept it can run it`);
    }
    return {
      ...wanted,
      configs: {},
      manifests: {},
      fingerprint: "unknown",
      commit: undefined,
      dirty: false,
      builtAt: "",
      size: 0,
    };
  }
}

/** The release a stage should run now. Throws `nothing-promoted` (exit 3) where there is none yet. */
export async function currentRelease(workspace: Workspace, stage: Stage): Promise<Release> {
  const [current] = await stageReleases(workspace, stage, () => true);
  if (current) return await releaseNamed(workspace, stage, current);
  throw new EnvctlError({
    code: "nothing-promoted",
    exitCode: ExitCode.gateClosed,
    what: `no release has been promoted to ${stage.name} yet`,
    where: `stage ${stage.name}`,
    state: "nothing was changed",
    next: stage.after.length === 0 ? `envctl up ${stage.name}` : `envctl promote ${stage.name}`,
  });
}
