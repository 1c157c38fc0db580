import type { Digest } from "../base/digest.ts";
import type { PortMapping } from "../engine/engine.ts";
import type { Service, Stage } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import type { DesiredContainer } from "./desired.ts";
import type { DesiredIdentity } from "./drift.ts";
import { networkName } from "./naming.ts";
import { generationOf, isRunning, type ObservedHost } from "./observed.ts";
import { existing, type HostPlan, type PlannedImage, type Step, type StopStep } from "./plan.ts";
import { ownProxies, planSites, type SitePlan } from "./plan-sites.ts";
import { type Replacement, replace } from "./replace.ts";
import { leftoverTaskSteps, tidySteps } from "./tidy.ts";

export interface HostWish {
  readonly place: { readonly environment: string; readonly stage: string };
  readonly stage: Stage;
  readonly app: readonly DesiredContainer[];
  readonly services: readonly { readonly service: Service; readonly desired: DesiredContainer }[];
  readonly identity: DesiredIdentity;
  readonly release: Release;
  readonly asItRanThen: boolean;
  readonly certificate: string | undefined;
  readonly maintained: boolean;
}

/** Decides the least that turns one host into what is wanted. */
export function planHost(host: ObservedHost, wish: HostWish): HostPlan {
  const releaseImage: PlannedImage = {
    digest: wish.release.digest,
    service: undefined,
    title: `${wish.place.environment} ${wish.release.name}`,
  };
  const app = replace(host, wish.app, { identity: wish.identity, asItRanThen: wish.asItRanThen, image: releaseImage });
  const services = wish.services.map(({ service, desired }) =>
    replace(host, [desired], {
      identity: wish.identity,
      asItRanThen: false,
      image: { digest: desired.digest, service: service.name, title: service.imageText },
    }),
  );
  const sites = planSites(host, { ...wish, serving: app.serving });
  const turn = turnOver(host, wish, app, sites);
  const prepare = prepareSteps(host, wish, { releaseImage, app, services });
  prepare.push(...turn.proxiesFirst);
  const stops = [...prepare, ...turn.switch, ...turn.retire, ...turn.standDown].filter((step) => step.kind === "stop");
  return {
    host: host.name,
    prepare,
    start: turn.start,
    trial: turn.start.length > 0 || sites.routes.length > 0 ? sites.trial : [],
    switch: turn.switch,
    retire: turn.retire,
    tidy: [
      ...turn.standDown,
      // A replaced service's data is in its volumes; its stopped container is of no use.
      ...services.flatMap(({ stops: replaced }) => replaced.map((step): Step => ({ ...step, kind: "remove" }))),
      ...tidySteps(host, {
        kept: new Set([...app.kept, ...services.flatMap((service) => service.kept)]),
        stopped: new Set(stops.map((step) => step.container.id)),
        keep: wish.stage.rollout.keep,
        services: wish.services.map(({ service }) => service.name),
      }),
      ...sites.removals,
    ],
    gap: turn.gap,
  };
}

interface Turnover {
  /** Proxies that can be there before the switch: nothing that runs has their ports. */
  readonly proxiesFirst: readonly Step[];
  readonly start: readonly Step[];
  readonly switch: readonly Step[];
  readonly retire: readonly Step[];
  /** Stops releases that stood by, and that a newer one stands by for now. */
  readonly standDown: readonly Step[];
  readonly gap: boolean;
}

/** In which order the app of one host is replaced: side by side where that is possible, else one after the other. */
function turnOver(host: ObservedHost, wish: HostWish, app: Replacement, sites: SitePlan): Turnover {
  const { strategy } = wish.stage.rollout;
  const own = ownProxies(host, wish.place).filter(({ container }) => isRunning(container));
  const published = app.replaced.flatMap((container) => container.ports);
  const proxyPorts = sites.prepare.flatMap((step) => (step.kind === "proxy" ? step.proxy.ports : []));
  const direct = wish.app.flatMap((container) => container.spec.ports);
  // A port has one owner: where it passes from the app to the proxy, or back, the old must let go first.
  const toProxy = clash(published, proxyPorts);
  const fromProxy = own.filter(({ container }) => clash(container.ports, direct));
  const sideBySide = strategy !== "recreate" && direct.length === 0 && !toProxy;
  if (sideBySide) {
    const standsBy = strategy === "blue-green";
    const stops = standsBy ? [] : app.stops;
    return {
      proxiesFirst: sites.prepare,
      start: [...app.creates, ...app.starts],
      switch: sites.routes,
      retire: [...drainSteps(wish.stage, sites, stops), ...stops],
      standDown: standsBy ? formerStandby(app) : [],
      gap: false,
    };
  }
  const handsOver = fromProxy.map(
    ({ container }): Step => ({
      kind: "stop",
      container: existing(container),
      why: "the app publishes its ports itself",
      health: undefined,
    }),
  );
  return {
    proxiesFirst: toProxy ? [] : sites.prepare,
    start: [],
    switch: [
      ...app.creates,
      ...(app.starts.length > 0 ? handsOver : []),
      ...app.stops,
      ...(toProxy ? sites.prepare : []),
      ...app.starts,
      ...sites.routes,
    ],
    retire: [],
    standDown: [],
    gap: app.starts.length > 0 && (app.replaced.length > 0 || fromProxy.length > 0),
  };
}

/** What stood by already before this change: under `blue-green` only the newest of what is replaced keeps running. */
function formerStandby(app: Replacement): StopStep[] {
  const [newest] = app.replaced;
  if (!newest) return [];
  const staying = app.replaced.filter((container) => generationOf(container) === generationOf(newest));
  const ids = new Set(staying.map(({ id }) => id));
  return app.stops.filter((step) => step.container.running && !ids.has(step.container.id));
}

function drainSteps(stage: Stage, sites: SitePlan, stops: readonly StopStep[]): Step[] {
  const { proxy } = stage;
  const containers = stops.map((step) => step.container).filter((container) => container.running);
  if (!proxy || sites.serving.length === 0 || containers.length === 0) return [];
  return [{ kind: "drain", proxies: sites.serving, containers, port: proxy.appPort, limit: proxy.drain }];
}

function clash(left: readonly PortMapping[], right: readonly PortMapping[]): boolean {
  return left.some((one) => right.some((other) => one.hostPort === other.hostPort && one.protocol === other.protocol));
}

function prepareSteps(
  host: ObservedHost,
  wish: HostWish,
  parts: {
    readonly releaseImage: PlannedImage;
    readonly app: Replacement;
    readonly services: readonly Replacement[];
  },
): Step[] {
  const { releaseImage, app, services } = parts;
  const prepare: Step[] = leftoverTaskSteps(host);
  if (app.creates.length > 0 && host.presentImage === undefined) prepare.push({ kind: "pull", image: releaseImage });
  for (const { creates } of services) {
    for (const step of creates) {
      if (step.kind === "create" && !hasImage(host, step.image.digest))
        prepare.push({ kind: "pull", image: step.image });
    }
  }
  const creates = [...services.flatMap((service) => service.creates), ...app.creates];
  const network = networkName(wish.place);
  const needsNetwork = creates.length > 0 || wish.stage.proxy !== undefined;
  if (needsNetwork && !host.networks.includes(network)) prepare.push({ kind: "network", name: network });
  prepare.push(...volumeSteps(host, creates));
  for (const service of services) {
    // Never two at once: they would write into the same data.
    prepare.push(...service.creates, ...service.stops, ...service.starts);
  }
  return prepare;
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
