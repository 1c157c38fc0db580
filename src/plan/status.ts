import type { Digest } from "../base/digest.ts";
import type { ContainerHealth, ContainerState, ObservedContainer } from "../engine/engine.ts";
import { devStage } from "../environment/dev-stage.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import {
  type DesiredContainer,
  desiredApp,
  desiredService,
  desiredWorkers,
  type SecretValues,
  type WorkloadRole,
} from "./desired.ts";
import { type DevDifference, devDifference, differsFromRelease, isDevContainer } from "./dev-container.ts";
import { type Difference, differences } from "./drift.ts";
import { upstreamName } from "./naming.ts";
import {
  byGeneration,
  containersOf,
  generationOf,
  isRunning,
  labelledDigest,
  newestRelease,
  type ObservedHost,
  roleOf,
  workloadOf,
} from "./observed.ts";
import { releaseIds } from "./plan-stage.ts";
import { desiredSites } from "./proxies.ts";
import { servingApp } from "./serving.ts";

/** One container that runs, or should. */
export interface ContainerStatus {
  readonly name: string;
  readonly role: WorkloadRole | "proxy";
  /** `app`, the worker's or service's name, or `proxy`. */
  readonly workload: string;
  /** True for a release that runs beside the one that serves, for an instant rollback. */
  readonly standby: boolean;
  readonly state: ContainerState | "missing";
  readonly health: ContainerHealth;
  /** What a failed check said. */
  readonly healthNote: string | undefined;
  readonly release: string | undefined;
  readonly digest: string | undefined;
  readonly startedAt: Date | undefined;
  readonly restarts: number;
  readonly drift: readonly Difference[];
  /** In what it differs from its release, where `envctl dev` runs it. */
  readonly dev: DevDifference | undefined;
}

export interface HostStatus {
  readonly host: string;
  /** Why the host could not be asked; then there are no containers. */
  readonly unreachable: string | undefined;
  readonly containers: readonly ContainerStatus[];
}

/** What a stage should run, as the ledger's newest record has it. */
export interface ExpectedRelease {
  readonly name: string;
  readonly digest: Digest;
  readonly at: string;
  readonly by: string;
}

export interface StageStatus {
  readonly stage: string;
  readonly after: readonly string[];
  readonly expected: ExpectedRelease | undefined;
  readonly hosts: readonly HostStatus[];
  /** Whether the expected release has passed the stage's checks; undefined where the stage has none, or nobody can tell. */
  readonly verification: StageVerified | undefined;
  /**
   * `ok`, `drift` (something is not as it should be), `dev` (`envctl dev` runs it, and not the release as it was built),
   * `empty` (nothing should run), or `unknown` (a host is out of reach).
   */
  readonly verdict: "ok" | "drift" | "dev" | "empty" | "unknown";
  /** Hosts that the stage has no more, and where nobody took down what ran. They are not asked, and the verdict is not about them. */
  readonly formerHosts: readonly string[];
}

export interface StageVerified {
  readonly verified: boolean;
  /** Since when (RFC 3339). */
  readonly since: string | undefined;
  /** Why it is not, for people. */
  readonly why: string | undefined;
}

export interface StageFacts {
  readonly environment: Environment;
  readonly stage: Stage;
  /** The expected release; undefined where the stage should run nothing. */
  readonly release: Release | undefined;
  readonly pins: Readonly<Record<string, Digest>>;
  readonly secrets: SecretValues;
}

/** Health found by a probe of ours, by container id. */
export type Probed = ReadonlyMap<string, { readonly health: ContainerHealth; readonly note: string | undefined }>;

/** Compares what one host runs with what it should. `home` is true for the host that has the services. */
export function hostStatus(facts: StageFacts, observed: ObservedHost, home: boolean, probed: Probed): HostStatus {
  const placement = { environment: facts.environment.name, stage: facts.stage.name, generation: 0 };
  const ids = facts.release ? { [facts.release.digest]: releaseIds(facts.release) } : {};
  // What a person runs for development is held against what that should be: that it is no release is told on its own.
  const isDev = containersOf(observed, "app", "app").some((found) => isRunning(found) && isDevContainer(found));
  const stage = isDev ? devStage(facts.environment, facts.stage) : facts.stage;
  const wanted = [
    ...(facts.release ? desiredApp(placement, stage, facts.release, facts.secrets) : []),
    ...(facts.release ? desiredWorkers(placement, stage, home, facts.release, facts.secrets).flat() : []),
    ...(home && facts.release ? facts.stage.services : []).flatMap((service) => {
      const digest = facts.pins[service.name];
      return digest === undefined ? [] : [desiredService(placement, service, digest, facts.secrets)];
    }),
  ];
  const accounted = new Set<string>();
  const reached = new Set(servingApp(observed, placement).map(({ id }) => id));
  const containers = wanted.map((desired) => {
    const found = currentContainer(observed, desired, accounted, reached);
    if (!found) return missing(desired);
    const list = differences(desired, found, observed.images.get(found.imageId), ids).filter(
      (difference) => difference.what !== "env ENVCTL_RELEASE",
    );
    // A stopped container that would have to be replaced is not the one that should run: that one is gone.
    if (!isRunning(found) && list.some((difference) => difference.needsReplacement)) return missing(desired);
    accounted.add(found.id);
    return running(found, desired.role, list, { observed, probed });
  });
  const extra = observed.containers.filter(
    (container) =>
      isRunning(container) && !accounted.has(container.id) && !["task", "proxy"].includes(roleOf(container)),
  );
  const apps = byGeneration(extra.filter((container) => roleOf(container) === "app"));
  const standby = facts.stage.rollout.strategy === "blue-green" ? newestRelease(apps) : [];
  for (const container of extra) {
    const found = roleOf(container);
    const role = found === "service" || found === "worker" ? found : "app";
    const surplus = { what: "container", wanted: "none", found: "running", needsReplacement: false };
    const standsBy = standby.includes(container);
    containers.push({
      ...running(container, role, standsBy ? [] : [surplus], { observed, probed }),
      standby: standsBy,
    });
  }
  const serving = containers.filter((container) => container.role === "app" && !container.standby);
  const proxies = facts.release
    ? proxyStatuses(
        facts,
        observed,
        serving.map((container) => container.name),
      )
    : [];
  return { host: observed.name, unreachable: undefined, containers: [...containers, ...proxies] };
}

/** The proxies that should serve the stage, and whether they do: from what was told them last. */
function proxyStatuses(facts: StageFacts, observed: ObservedHost, serving: readonly string[]): ContainerStatus[] {
  const place = { environment: facts.environment.name, stage: facts.stage.name };
  const running = {
    release: { name: facts.release?.name ?? "" },
    upstreams: serving.map((name) => ({ name: upstreamName(name) })),
  };
  return desiredSites(place, facts.stage, running, undefined).map(({ proxy, site }) => {
    const found = observed.proxies.find(({ container }) => container.name === proxy.name);
    const drift: Difference[] = [];
    const differ = (what: string, wanted: string, actual: string) => {
      if (wanted !== actual) drift.push({ what, wanted, found: actual, needsReplacement: false });
    };
    if (!found) differ("proxy", "running", "none");
    const state = found?.container.state ?? "missing";
    if (found) differ("state", "running", state);
    const served = found?.sites.find((other) => other.id === site.id);
    const names = (list: readonly { readonly name: string }[] = []) =>
      list
        .map(({ name }) => name)
        .sort()
        .join(", ") || "none";
    if (found) differ("upstreams", names(site.upstreams), names(served?.upstreams));
    if (served) differ("domains", site.domains.join(", "), served.domains.join(", "));
    return {
      name: proxy.name,
      role: "proxy",
      workload: "proxy",
      standby: false,
      state,
      health: "none",
      healthNote: served?.maintenance ? "clients get the maintenance page" : undefined,
      release: served?.release,
      digest: undefined,
      startedAt: found?.container.startedAt,
      restarts: found?.container.restartCount ?? 0,
      drift,
      dev: undefined,
    };
  });
}

export function stageStatus(
  stage: Stage,
  expected: ExpectedRelease | undefined,
  hosts: readonly HostStatus[],
  history: Pick<StageStatus, "verification" | "formerHosts">,
): StageStatus {
  const verdict = verdictOf(expected, hosts);
  return { stage: stage.name, after: stage.after, expected, hosts, verdict, ...history };
}

function verdictOf(expected: ExpectedRelease | undefined, hosts: readonly HostStatus[]): StageStatus["verdict"] {
  const containers = hosts.flatMap((host) => host.containers);
  if (containers.some((container) => container.drift.length > 0 || container.health === "unhealthy")) return "drift";
  if (hosts.some((host) => host.unreachable !== undefined)) return "unknown";
  if (containers.some(({ dev }) => dev && differsFromRelease(dev))) return "dev";
  return expected === undefined && containers.length === 0 ? "empty" : "ok";
}

/**
 * The running container of a replica, of the app the one that clients reach, or else the newest of the highest generation:
 * what stands by may be newer than what serves.
 */
function currentContainer(
  observed: ObservedHost,
  desired: DesiredContainer,
  accounted: ReadonlySet<string>,
  reached: ReadonlySet<string>,
): ObservedContainer | undefined {
  const candidates = containersOf(observed, desired.role, desired.workload.name).filter(
    (container) =>
      !accounted.has(container.id) && Number(container.labels["envctl.replica"] ?? "1") === desired.replica,
  );
  const alive = candidates.find(({ id }) => reached.has(id)) ?? candidates.find(isRunning);
  if (alive) return alive;
  const newest = candidates[0];
  // A kept older release is not what stopped running: only the same release's stopped container is.
  return newest && labelledDigest(newest) === desired.digest && generationOf(newest) > 0 ? newest : undefined;
}

function missing(desired: DesiredContainer): ContainerStatus {
  return {
    name: desired.workload.name,
    role: desired.role,
    workload: desired.workload.name,
    standby: false,
    state: "missing",
    health: "none",
    healthNote: undefined,
    release: undefined,
    digest: undefined,
    startedAt: undefined,
    restarts: 0,
    drift: [{ what: "container", wanted: "running", found: "none", needsReplacement: true }],
    dev: undefined,
  };
}

function running(
  container: ObservedContainer,
  role: WorkloadRole,
  drift: readonly Difference[],
  { observed, probed }: { readonly observed: ObservedHost; readonly probed: Probed },
): ContainerStatus {
  const probe = probed.get(container.id);
  return {
    name: container.name,
    role,
    workload: workloadOf(container),
    standby: false,
    state: container.state,
    health: probe?.health ?? container.health,
    healthNote: probe?.note ?? (container.health === "unhealthy" ? container.healthOutput : undefined),
    release: container.labels["envctl.release"],
    digest: labelledDigest(container),
    startedAt: container.startedAt,
    restarts: container.restartCount,
    drift,
    dev: devDifference(observed, container),
  };
}
