import type { Digest } from "../base/digest.ts";
import type { ObservedContainer } from "../engine/engine.ts";
import type { Environment, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import { changesOf } from "./changes.ts";
import { type DesiredContainer, desiredApp, desiredService, desiredWorkers, type SecretValues } from "./desired.ts";
import { type DesiredIdentity, differences } from "./drift.ts";
import { formerHostNote, hostsSince, type LastHosts } from "./former-hosts.ts";
import { notesOf } from "./notes.ts";
import { noticeOf } from "./notice.ts";
import { containersOf, generationOf, isRunning, labelledDigest, type ObservedHost } from "./observed.ts";
import { type HostPlan, type PlannedTask, type StagePlan, stepsOf } from "./plan.ts";
import { planHost } from "./plan-host.ts";
import { servingApp } from "./serving.ts";
import { isMaintained } from "./site-conflicts.ts";

/** What a stage should run, with all that is decided outside: the release, the pinned services, the secrets' values. */
export interface Wanted {
  readonly environment: Environment;
  readonly stage: Stage;
  readonly release: Release;
  /** Manifest digest of each service's image, from `envctl.lock`. */
  readonly pins: Readonly<Record<string, Digest>>;
  readonly secrets: SecretValues;
  /** True for a rollback: a container kept from then is as good as a new one, with the configuration it had then. */
  readonly asItRanThen?: boolean;
  /** True where no change to this release was recorded yet: what comes last in a rollout is still to be done. */
  readonly unrecorded?: boolean;
  /** Fingerprint of the certificate that the user brought for the stage's domains. */
  readonly certificate?: string | undefined;
  /** Where the stage ran by its history; undefined where that does not tell. */
  readonly last?: LastHosts | undefined;
}

/** Decides the least that turns what was observed into what is wanted. Pure: the same input gives the same plan. */
export function planStage(wanted: Wanted, observed: readonly ObservedHost[]): StagePlan {
  const { environment, stage, release } = wanted;
  const generation = 1 + Math.max(0, ...observed.flatMap((host) => host.containers.map(generationOf)));
  const placement = { environment: environment.name, stage: stage.name, generation };
  const app = desiredApp(placement, stage, release, wanted.secrets);
  const identity: DesiredIdentity = { [release.digest]: releaseIds(release) };
  const asItRanThen = wanted.asItRanThen ?? false;
  const hosts = observed.map((host, index): HostPlan => {
    const workers = desiredWorkers(placement, stage, index === 0, release, wanted.secrets);
    // A service has one home, or its data would be split between hosts.
    const services = index === 0 ? pinnedServices(wanted, placement) : [];
    const plan = planHost(host, {
      place: placement,
      stage,
      app,
      workers,
      services,
      identity,
      release,
      asItRanThen,
      certificate: wanted.certificate,
      maintained: isMaintained(observed, placement),
    });
    const workloads = [app, ...workers, ...services.map(({ desired }) => [desired])];
    const idle = stepsOf(plan).length === 0;
    return {
      ...plan,
      changes: idle ? [] : changesOf(host, { place: placement, stage, workloads, identity, asItRanThen }),
    };
  });
  const { former: formerHosts } = hostsSince(wanted.last, observed);
  return {
    environment: environment.name,
    stage: stage.name,
    release,
    hosts,
    tasks: tasksOf(wanted, observed, hosts, app),
    notes: [
      ...notesOf(environment, stage, release, observed, hosts),
      ...formerHosts.map((host) => formerHostNote(stage.name, host)),
    ],
    formerHosts,
    notice: noticeOf(stage, observed, hosts),
  };
}

/** Tasks of a rollout run when a release comes to a stage, and neither for a mere repair nor on the way back. */
function tasksOf(
  wanted: Wanted,
  observed: readonly ObservedHost[],
  hosts: readonly HostPlan[],
  app: readonly DesiredContainer[],
): PlannedTask[] {
  const [first] = app;
  const [home] = hosts;
  if (!first || !home || wanted.asItRanThen) return [];
  const creates = hosts.some((host) => [...host.start, ...host.switch].some((step) => step.kind === "create"));
  const identity = { [wanted.release.digest]: releaseIds(wanted.release) };
  const changesRelease = observed.some(
    (host) => !containersOf(host, "app", "app").some((found) => runsAlready(found, app, host, identity)),
  );
  const before = (creates && changesRelease) || observed.some((host) => comesAgain(wanted, host));
  const after = before || (wanted.unrecorded ?? false);
  return wanted.environment.tasks
    .filter((task) => (task.when === "before-switch" && before) || (task.when === "after-switch" && after))
    .map((task) => ({ task, host: home.host, app: first }));
}

/**
 * True where a release comes that this host has run before, and that clients left for another. What runs already was started by a
 * rollout that was killed, after its first tasks; under `blue-green` it may as well stand by.
 */
function comesAgain({ environment, stage, release, unrecorded }: Wanted, host: ObservedHost): boolean {
  const serving = servingApp(host, { environment: environment.name, stage: stage.name }).map(labelledDigest);
  if (!unrecorded || serving.length === 0 || serving.includes(release.digest)) return false;
  const own = containersOf(host, "app", "app").filter(
    (found) => labelledDigest(found) === release.digest && found.startedAt !== undefined,
  );
  return own.length > 0 && (stage.rollout.strategy === "blue-green" || !own.some(isRunning));
}

export function releaseIds(release: Release): Digest[] {
  return [...Object.values(release.configs), ...Object.values(release.manifests)];
}

function runsAlready(
  found: ObservedContainer,
  app: readonly DesiredContainer[],
  host: ObservedHost,
  identity: DesiredIdentity,
): boolean {
  const first = app[0];
  if (!first || !isRunning(found)) return false;
  return !differences(first, found, host.images.get(found.imageId), identity).some(({ what }) => what === "image");
}

function pinnedServices(wanted: Wanted, placement: { environment: string; stage: string; generation: number }) {
  return wanted.stage.services.map((service) => {
    const digest = wanted.pins[service.name];
    if (digest === undefined) throw new RangeError(`service ${service.name} has no pinned digest`);
    return { service, desired: desiredService(placement, service, digest, wanted.secrets) };
  });
}
