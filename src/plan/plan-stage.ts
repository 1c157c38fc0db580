import type { Digest } from "../base/digest.ts";
import type { ObservedContainer } from "../engine/engine.ts";
import type { Environment, Service, Stage, Workload } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import { type DesiredContainer, desiredApp, desiredService, type SecretValues } from "./desired.ts";
import { type DesiredIdentity, differences } from "./drift.ts";
import { networkName } from "./naming.ts";
import { containersOf, generationOf, isRunning, type ObservedHost } from "./observed.ts";
import { existing, type HostPlan, type PlannedImage, type StagePlan, type Step } from "./plan.ts";
import { leftoverTaskSteps, tidySteps } from "./tidy.ts";

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
}

/** Decides the least that turns what was observed into what is wanted. Pure: the same input gives the same plan. */
export function planStage(wanted: Wanted, observed: readonly ObservedHost[]): StagePlan {
  const { environment, stage, release } = wanted;
  const generation = 1 + Math.max(0, ...observed.flatMap((host) => host.containers.map(generationOf)));
  const placement = { environment: environment.name, stage: stage.name, generation };
  const app = desiredApp(placement, stage, release, wanted.secrets);
  const identity: DesiredIdentity = { [release.digest]: releaseIds(release) };
  const hosts = observed.map((host, index) =>
    planHost(host, {
      place: placement,
      app,
      // A service has one home, or its data would be split between hosts.
      services: index === 0 ? pinnedServices(wanted, placement) : [],
      identity,
      release,
      asItRanThen: wanted.asItRanThen ?? false,
      keep: stage.rollout.keep,
    }),
  );
  const switches = hosts.some((host) => host.switch.some((step) => step.kind === "create"));
  const changesRelease = observed.some(
    (host) => !containersOf(host, "app", "app").some((found) => runsAlready(found, app, host, identity)),
  );
  const first = app[0];
  const tasks =
    switches && changesRelease && !wanted.asItRanThen && first && hosts[0]
      ? environment.tasks
          .filter((task) => task.when === "before-switch")
          .map((task) => ({ task, host: hosts[0]?.host ?? "", app: first }))
      : [];
  return { environment: environment.name, stage: stage.name, release, hosts, tasks, notes: notesOf(stage, hosts) };
}

export function releaseIds(release: Release): Digest[] {
  return [...Object.values(release.configs), ...Object.values(release.manifests)];
}

interface HostWish {
  readonly place: { readonly environment: string; readonly stage: string };
  readonly app: readonly DesiredContainer[];
  readonly services: readonly { readonly service: Service; readonly desired: DesiredContainer }[];
  readonly identity: DesiredIdentity;
  readonly release: Release;
  readonly asItRanThen: boolean;
  readonly keep: number;
}

function planHost(host: ObservedHost, wish: HostWish): HostPlan {
  const services = wish.services.map(({ service, desired }) => ({
    service,
    steps: replaceSteps(host, [desired], {
      identity: wish.identity,
      asItRanThen: false,
      image: { digest: desired.digest, service: service.name, title: service.imageText },
      overlap: false,
    }),
  }));
  const releaseImage: PlannedImage = {
    digest: wish.release.digest,
    service: undefined,
    title: `${wish.place.environment} ${wish.release.name}`,
  };
  const app = replaceSteps(host, wish.app, {
    identity: wish.identity,
    asItRanThen: wish.asItRanThen,
    image: releaseImage,
    overlap: wish.app.every((container) => container.spec.ports.length === 0),
  });
  const creates = [...services.flatMap((service) => service.steps.list), ...app.list].filter(
    (step) => step.kind === "create",
  );
  const prepare: Step[] = leftoverTaskSteps(host);
  const removals: Step[] = [];
  const pullsRelease = app.list.some((step) => step.kind === "create") && host.presentImage === undefined;
  if (pullsRelease) prepare.push({ kind: "pull", image: releaseImage });
  for (const { service, steps } of services) {
    const create = steps.list.find((step) => step.kind === "create");
    if (create && !hasImage(host, create.image.digest))
      prepare.push({ kind: "pull", image: { ...create.image, service: service.name } });
  }
  const network = networkName(wish.place);
  if (creates.length > 0 && !host.networks.includes(network)) prepare.push({ kind: "network", name: network });
  prepare.push(...volumeSteps(host, creates));
  for (const { steps } of services) {
    prepare.push(...steps.list);
    // A replaced service's data is in its volumes; its stopped container is of no use.
    for (const step of steps.list) if (step.kind === "stop") removals.push({ ...step, kind: "remove" });
  }
  const stopped = new Set(
    [...prepare, ...app.list].flatMap((step) => (step.kind === "stop" ? [step.container.id] : [])),
  );
  const kept = new Set([...app.kept, ...services.flatMap((service) => service.steps.kept)]);
  return {
    host: host.name,
    prepare,
    switch: app.list,
    tidy: [
      ...removals,
      ...tidySteps(host, {
        kept,
        stopped,
        keep: wish.keep,
        services: wish.services.map(({ service }) => service.name),
      }),
    ],
    gap: app.gap,
  };
}

interface Matching {
  readonly identity: DesiredIdentity;
  readonly asItRanThen: boolean;
}

interface Replacement {
  readonly list: Step[];
  /** Ids of containers that are what is wanted, and of those this plan stops itself. */
  readonly kept: string[];
  readonly gap: boolean;
}

/** Creates what is missing, starts it, waits until it is healthy, and stops what it replaces: before or after, by `overlap`. */
function replaceSteps(
  host: ObservedHost,
  desired: readonly DesiredContainer[],
  how: Matching & { readonly image: PlannedImage; readonly overlap: boolean },
): Replacement {
  const first = desired[0];
  if (!first) return { list: [], kept: [], gap: false };
  const found = containersOf(host, first.role, first.workload.name);
  const matches = desired.map((container) => ({ container, match: findMatch(host, found, container, how) }));
  const matched = new Set(matches.flatMap(({ match }) => (match ? [match.id] : [])));
  const running = found.filter((container) => isRunning(container) && !matched.has(container.id));
  const creates: Step[] = [];
  const starts: Step[] = [];
  for (const { container, match } of matches) {
    if (match && isRunning(match)) {
      if (match.health === "starting") starts.push(waitStep(match.name, container.workload));
      continue;
    }
    if (!match) creates.push({ kind: "create", container, image: how.image });
    const name = match?.name ?? container.spec.name;
    starts.push({ kind: "start", container: { name, workload: container.workload.name } });
    starts.push(waitStep(name, container.workload));
  }
  const replaced = running.length > 0 ? running : starts.length > 0 && matched.size === 0 ? lastServing(found) : [];
  const stops = replaced.map((container): Step => ({ kind: "stop", container: existing(container), why: "replaced" }));
  const list = how.overlap ? [...creates, ...starts, ...stops] : [...creates, ...stops, ...starts];
  return {
    list,
    kept: [...matched],
    gap: !how.overlap && running.length > 0 && starts.length > 0,
  };
}

/**
 * After a crash between stop and start nothing runs. The container that served last is planned as a stop too: stopping
 * it again changes nothing, but if the new one fails, undoing that stop brings the old one back.
 */
function lastServing(found: readonly ObservedContainer[]): ObservedContainer[] {
  const last = found.find((container) => container.startedAt !== undefined);
  return last ? found.filter((container) => generationOf(container) === generationOf(last) && container.startedAt) : [];
}

function findMatch(
  host: ObservedHost,
  found: readonly ObservedContainer[],
  container: DesiredContainer,
  matching: Matching,
): ObservedContainer | undefined {
  const same = found.filter(
    (candidate) =>
      Number(candidate.labels["envctl.replica"] ?? "1") === container.replica &&
      candidate.health !== "unhealthy" &&
      !host.unhealthy.has(candidate.id) &&
      candidate.state !== "dead" &&
      candidate.state !== "removing" &&
      candidate.state !== "paused" &&
      !differences(container, candidate, host.images.get(candidate.imageId), matching.identity).some(
        ({ needsReplacement, what }) =>
          matching.asItRanThen ? what === "image" : needsReplacement && !isRelabelled(what),
      ),
  );
  return same.find(isRunning) ?? same[0];
}

/** The release's name is for people: the same digest under another name is no reason to replace a container. */
function isRelabelled(what: string): boolean {
  return what === "env ENVCTL_RELEASE";
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

function waitStep(name: string, workload: Workload): Step {
  return { kind: "wait-healthy", container: { name, workload: workload.name }, health: workload.health };
}

function volumeSteps(host: ObservedHost, creates: readonly Step[]): Step[] {
  const steps = new Map<string, Step>();
  for (const step of creates) {
    if (step.kind !== "create") continue;
    for (const mount of step.container.spec.mounts) {
      if (mount.kind === "volume" && !host.volumes.includes(mount.source)) {
        steps.set(mount.source, { kind: "volume", name: mount.source, mount });
      }
    }
  }
  return [...steps.values()];
}

function hasImage(host: ObservedHost, digest: Digest): boolean {
  return [...host.images.values()].some((image) =>
    image.repoDigests.some((reference) => reference.endsWith(`@${digest}`)),
  );
}

function pinnedServices(wanted: Wanted, placement: { environment: string; stage: string; generation: number }) {
  return wanted.stage.services.map((service) => {
    const digest = wanted.pins[service.name];
    if (digest === undefined) throw new RangeError(`service ${service.name} has no pinned digest`);
    return { service, desired: desiredService(placement, service, digest, wanted.secrets) };
  });
}

function notesOf(stage: Stage, hosts: readonly HostPlan[]): string[] {
  const notes: string[] = [];
  if (hosts.some((host) => host.gap)) {
    notes.push(
      "the app is away from the stop of the old container until the new one is healthy: they share a published port",
    );
  }
  if (stage.services.length > 0 && stage.hosts.length > 1) {
    notes.push(
      `services run on the first host alone (${stage.hosts[0]?.name}); the other hosts do not reach them by name`,
    );
  }
  return notes;
}
