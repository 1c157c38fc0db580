import { type Digest, isDigest, shortDigest } from "../base/digest.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Engine, ObservedContainer } from "../engine/engine.ts";
import type { Environment, Stage } from "../environment/model.ts";
import { describeDev, devDifference, differsFromRelease, nameFiles } from "../plan/dev-container.ts";
import { endpointOf } from "../plan/endpoint.ts";
import { labelledDigest, type RunningHost, runsDigest } from "../plan/observed.ts";
import { releaseIds } from "../plan/plan-stage.ts";
import { servingApp } from "../plan/serving.ts";
import type { Release } from "../release/release.ts";
import { observeRunning } from "../rollout/observe.ts";
import { probe } from "../rollout/probe.ts";
import type { Workspace } from "../rollout/workspace.ts";
import type { RunningContainer } from "./checks/check.ts";
import { Ledger } from "./ledger.ts";
import { openHosts } from "./open-hosts.ts";
import { loadRelease } from "./releases.ts";

/** What a stage runs on all its hosts. */
export interface RunningRelease {
  readonly release: Release;
  /** One for each host of the stage, in the order of the file. */
  readonly engines: readonly Engine[];
  /** The containers of the app that serve. */
  readonly running: readonly RunningContainer[];
}

/** What it is asked for, for people. */
export interface Purpose {
  /** There is no healthy release `to promote from` test. */
  readonly aim: string;
  /** `nothing was promoted`. */
  readonly state: string;
}

const promoting: Purpose = { aim: "to promote from", state: "nothing was promoted" };

/**
 * The release that a stage runs on all its hosts, healthy, proven by what the engines say. Throws `stage-not-ready`
 * (exit 3) where there is none, and `digest-mismatch` (exit 6) where a container's label lies. `known` spares the
 * registry a question.
 */
export async function runningRelease(
  workspace: Workspace,
  stage: Stage,
  purpose: Purpose = promoting,
  known?: Release,
): Promise<RunningRelease> {
  const place = { environment: workspace.environment.name, stage: stage.name };
  const expected = known ? undefined : expectedRelease(workspace, stage);
  const engines = await openHosts(workspace, stage);
  const hosts = await Promise.all(
    engines.map(async (engine) => ({
      engine,
      observed: await observeRunning(engine, place, workspace.signal),
    })),
  );
  const running = hosts.flatMap(({ engine, observed }) => {
    const containers = servingApp(observed, place);
    if (containers.length === 0) throw notReady(stage, purpose, `nothing runs there on ${engine.name}`);
    return containers.map((container) => ({ engine, observed, container }));
  });
  for (const { engine, observed, container } of running) refuseDev(stage, purpose, { engine, observed, container });
  const digests = new Set(running.map(({ container }) => labelledDigest(container) ?? "unknown"));
  const [digest, other] = [...digests];
  if (digest === undefined || !isDigest(digest))
    throw notReady(stage, purpose, "a container there does not say which release it runs");
  if (other !== undefined)
    throw notReady(stage, purpose, `its hosts run different releases: ${running.map(inWords).join(", ")}`);
  const likely = known ?? (await expected);
  const release =
    likely?.digest === digest
      ? likely
      : await loadRelease(await workspace.connections.repository(stage.repository), digest, workspace.signal);
  for (const { engine, observed, container } of running) {
    proveIdentity(engine, observed, container, { release, state: purpose.state });
    await requireHealth(stage, purpose, { engine, container }, workspace.signal);
  }
  return { release, engines, running: running.map(({ engine, container }) => ({ engine, container })) };
}

/**
 * What the stage runs according to its history: a guess, read while the hosts are asked, so that nobody waits for the registry
 * after them. Where it cannot be read, whoever needs the release is told why.
 */
async function expectedRelease(workspace: Workspace, stage: Stage): Promise<Release | undefined> {
  const { connections, environment, signal } = workspace;
  try {
    const repository = await connections.repository(stage.repository);
    const head = await new Ledger(repository, environment.name, stage.name).head(signal);
    return head?.record.release && (await loadRelease(repository, head.record.release.digest, signal));
  } catch {
    return undefined;
  }
}

/** A release that may come to a stage. */
export interface FoundRelease {
  readonly release: Release;
  /** The stage it comes from. */
  readonly from: Stage;
  /** True where it was just seen to run in all stages before, healthy and as it was built. */
  readonly seen: boolean;
}

/** The one release that all stages before this one run. */
export async function releaseToPromote(workspace: Workspace, stage: Stage): Promise<{ release: Release; from: Stage }> {
  const before = stagesBefore(workspace.environment, stage);
  const found = await Promise.all(before.map((source) => runningRelease(workspace, source)));
  const releases = found.map((one) => one.release);
  const [release, ...rest] = releases;
  const [from] = before;
  if (!release || !from) throw new RangeError(`stage ${stage.name} comes after no stage`);
  const differs = rest.findIndex((candidate) => candidate.digest !== release.digest);
  if (differs >= 0) {
    throw notReady(
      stage,
      promoting,
      `${from.name} runs ${release.name}, but ${before[differs + 1]?.name} runs ${rest[differs]?.name}`,
    );
  }
  return { release, from };
}

export function stagesBefore(environment: Environment, stage: Stage): Stage[] {
  return environment.stages.filter((candidate) => stage.after.includes(candidate.name));
}

/** Files that were synced are in no image: the digest that would be promoted is not what was looked at. */
function refuseDev(
  stage: Stage,
  purpose: Purpose,
  { engine, observed, container }: RunningContainer & { readonly observed: RunningHost },
): void {
  const difference = devDifference(observed, container);
  if (!difference || !differsFromRelease(difference)) return;
  throw new EnvctlError({
    code: "not-a-release",
    exitCode: ExitCode.gateClosed,
    what: `what runs in ${stage.name} is not what its image holds: ${describeDev(difference)}`,
    where: `${container.name} on ${engine.name}`,
    state: purpose.state,
    evidence: nameFiles(difference),
    next: `envctl up ${stage.name} builds the release from the sources and runs it`,
  });
}

function proveIdentity(
  engine: Engine,
  observed: RunningHost,
  container: ObservedContainer,
  { release, state }: { readonly release: Release; readonly state: string },
): void {
  const identity = { digest: release.digest, ids: releaseIds(release) };
  if (runsDigest(container, identity, observed.images.get(container.imageId))) return;
  throw new EnvctlError({
    code: "digest-mismatch",
    exitCode: ExitCode.identityMismatch,
    what: `${container.name} is labelled as ${shortDigest(release.digest)}, but runs another image: ${container.imageId}`,
    where: engine.name,
    state,
    next: "somebody replaced this container by hand: envctl status --verbose shows what differs, envctl up mends it",
  });
}

async function requireHealth(
  stage: Stage,
  purpose: Purpose,
  { engine, container }: RunningContainer,
  signal: AbortSignal,
): Promise<void> {
  const { health } = endpointOf(container, stage.app);
  if (container.state !== "running")
    throw notReady(stage, purpose, `${container.name} on ${engine.name} is ${container.state}`);
  if (container.health === "unhealthy" || container.health === "starting") {
    throw notReady(stage, purpose, `${container.name} on ${engine.name} is ${container.health}`);
  }
  if (health?.kind !== "http" && health?.kind !== "tcp") return;
  const wrong = await probe(engine, container, health, signal);
  if (wrong !== undefined) throw notReady(stage, purpose, `${container.name} on ${engine.name} is unhealthy: ${wrong}`);
}

function notReady(stage: Stage, { aim, state }: Purpose, why: string): EnvctlError {
  return new EnvctlError({
    code: "stage-not-ready",
    exitCode: ExitCode.gateClosed,
    what: `there is no healthy release ${aim} ${stage.name}: ${why}`,
    where: `stage ${stage.name}`,
    state,
    next: stage.after.length === 0 ? `envctl up ${stage.name}` : `envctl promote ${stage.name}`,
  });
}

function inWords({ engine, container }: { engine: Engine; container: ObservedContainer }): string {
  const digest: Digest | string = labelledDigest(container) ?? "";
  return `${engine.name} ${isDigest(digest) ? shortDigest(digest) : "unknown"}`;
}
