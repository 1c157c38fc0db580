import { Label, type ObservedContainer, type PortMapping } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { DesiredContainer } from "./desired.ts";
import type { HostWish } from "./host-wish.ts";
import { upstreamName } from "./naming.ts";
import { isRunning, newestRelease, type ObservedHost } from "./observed.ts";
import { existing, type HostPlan, type PlannedImage, type RouteStep, type Step, type StopStep } from "./plan.ts";
import { ownProxies, planSites, type SitePlan } from "./plan-sites.ts";
import { prepareSteps } from "./prepare.ts";
import { type Replacement, replace } from "./replace.ts";
import { clash } from "./room.ts";
import { tidySteps } from "./tidy.ts";

/** Decides the least that turns one host into what is wanted. */
export function planHost(host: ObservedHost, wish: HostWish): Omit<HostPlan, "changes"> {
  const releaseImage: PlannedImage = {
    digest: wish.release.digest,
    service: undefined,
    title: `${wish.place.environment} ${wish.release.name}`,
  };
  const matching = { identity: wish.identity, asItRanThen: wish.asItRanThen, image: releaseImage };
  const app = replace(host, wish.app, matching);
  const workers = wish.workers.map((desired) => replace(host, desired, matching));
  const services = wish.services.map(({ service, desired }) =>
    replace(host, [desired], {
      identity: wish.identity,
      asItRanThen: false,
      image: { digest: desired.digest, service: service.name, title: service.imageText },
    }),
  );
  const sites = planSites(host, { ...wish, serving: app.serving });
  const turn = withWorkers(turnOver(host, wish, app, sites), workers, wish.stage.rollout.strategy);
  const ports = [...(app.starts.length > 0 ? portsOf(wish.app) : []), ...proxyPorts(sites)];
  const prepare = prepareSteps(host, wish, { releaseImage, app, workers, services, ports });
  prepare.push(...turn.proxiesFirst);
  const stops = [...prepare, ...turn.switch, ...turn.retire, ...turn.standDown].filter((step) => step.kind === "stop");
  const replaces = turn.start.length + turn.switch.length > 0;
  return {
    host: host.name,
    prepare,
    start: turn.start,
    standDown: replaces ? turn.standDown : [],
    trial: turn.trial,
    switch: turn.switch,
    retire: turn.retire,
    tidy: [
      ...(replaces ? [] : turn.standDown),
      // A replaced service's data is in its volumes; its stopped container is of no use.
      ...services.flatMap(({ stops: replaced }) => replaced.map((step): Step => ({ ...step, kind: "remove" }))),
      ...tidySteps(host, {
        kept: new Set([app, ...workers, ...services].flatMap(({ kept }) => kept)),
        stopped: new Set(stops.map((step) => step.container.id)),
        keep: wish.stage.rollout.keep,
        release: wish.release.digest,
        left: leftUpstreams(sites),
        workloads: [
          ...wish.workers.flatMap((containers) => containers.slice(0, 1).map(({ workload }) => workload.name)),
          ...wish.services.map(({ service }) => service.name),
        ],
      }),
      ...sites.removals,
    ],
    gap: turn.gap,
    serving: app.serving.map((name) => ({ name, workload: wish.stage.app.name, health: wish.stage.app.health })),
    proxies: sites.wanted,
    supersedes: app.replaced.some((container) => isSuperseded(container, wish.app) || app.starts.length > 0),
  };
}

/** By its labels: another release, or the same one configured otherwise. */
function isSuperseded(container: ObservedContainer, [wanted]: readonly DesiredContainer[]): boolean {
  return container.labels[Label.digest] !== wanted?.digest || container.labels[Label.configHash] !== wanted?.configHash;
}

/** What runs as it is wanted and is one too many, or is not what its labels say: nothing to go back to. */
function isSurplus(id: string, app: Replacement, wanted: readonly DesiredContainer[]): boolean {
  return app.replaced.some((container) => container.id === id && !isSuperseded(container, wanted));
}

interface Turnover {
  /** Proxies that can be there before the switch: nothing that runs has their ports. */
  readonly proxiesFirst: readonly Step[];
  readonly start: readonly Step[];
  readonly trial: readonly RouteStep[][];
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
  const direct = portsOf(wish.app);
  // A port has one owner: where it passes from the app to the proxy, or back, the old must let go first.
  const toProxy = clash(published, proxyPorts(sites));
  const fromProxy = app.starts.length > 0 ? own.filter(({ container }) => clash(container.ports, direct)) : [];
  // Where nothing new starts, nothing has to make room for it: then, too, proxies turn away before anything stops.
  const roomForBoth = app.starts.length === 0 || (strategy !== "recreate" && direct.length === 0);
  if (roomForBoth && !toProxy) {
    const standsBy = strategy === "blue-green";
    const stops = standsBy ? app.stops.filter(({ container }) => isSurplus(container.id, app, wish.app)) : app.stops;
    const swap = swapProxies(host, sites, proxyPorts(sites));
    return {
      proxiesFirst: swap ? [] : sites.prepare,
      start: [...app.creates, ...app.starts, ...waitsFor(app, sites, stops)],
      trial: app.starts.length > 0 || sites.routes.length > 0 ? sites.trial : [],
      switch: swap ?? sites.routes,
      retire: [...drainSteps(wish.stage, sites, stops), ...stops.map(aside)],
      standDown: standsBy ? standDownSteps(wish, app, sites) : [],
      gap: swap !== undefined,
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
  // A proxy that was stopped is told nothing more: nobody reaches it, and it goes at the end.
  const routes = sites.routes.filter((step) => !fromProxy.some(({ container }) => container.name === step.proxy.name));
  return {
    proxiesFirst: toProxy ? [] : sites.prepare,
    start: [],
    trial: [],
    switch: [
      ...app.creates,
      ...handsOver,
      ...app.stops,
      ...(toProxy ? sites.prepare : []),
      ...app.starts,
      ...waitsFor(app, { ...sites, routes }, []),
      ...routes,
    ],
    retire: [],
    standDown: [],
    gap: (app.starts.length > 0 || toProxy) && (app.replaced.length > 0 || fromProxy.length > 0),
  };
}

/**
 * Workers of the new release start before clients come to it, so that one that cannot run stops the rollout in time; those
 * of the old go on until then. They take no turns with a proxy: nobody waits for their answer.
 */
function withWorkers(
  turn: Turnover,
  workers: readonly Replacement[],
  strategy: Stage["rollout"]["strategy"],
): Turnover {
  const steps = (choose: (worker: Replacement) => readonly Step[]) => workers.flatMap(choose);
  if (strategy === "recreate") {
    const inPlace = steps(({ creates, stops, starts }) => [...creates, ...stops, ...starts]);
    return { ...turn, switch: [...turn.switch, ...inPlace] };
  }
  const starts = steps((worker) => [
    ...worker.creates,
    ...worker.starts,
    ...(worker.stops.some((step) => step.container.running) ? worker.waits : []),
  ]);
  const all = [...starts, ...turn.start];
  const beside = (["create", "start", "wait-healthy"] as const).flatMap((kind) =>
    all.filter((step) => step.kind === kind),
  );
  return { ...turn, start: beside, retire: [...turn.retire, ...steps(({ stops }) => stops.map(aside))] };
}

/** Nothing starts in its place: what it holds is its own. */
function aside(step: StopStep): StopStep {
  return { ...step, aside: true };
}

/**
 * Where the stage's proxy gives way to another that publishes one of its ports: the old one lets go before the new one
 * starts, and is told nothing more. Undefined where both can run.
 */
function swapProxies(host: ObservedHost, sites: SitePlan, ports: readonly PortMapping[]): readonly Step[] | undefined {
  const leaving = new Set(sites.removals.flatMap((step) => (step.kind === "remove-proxy" ? [step.container.id] : [])));
  const inTheWay = host.proxies
    .map(({ container }) => container)
    .filter((container) => leaving.has(container.id) && isRunning(container) && clash(container.ports, ports));
  if (inTheWay.length === 0) return undefined;
  const names = new Set(inTheWay.map(({ name }) => name));
  return [
    ...inTheWay.map(
      (container): Step => ({
        kind: "stop",
        container: existing(container),
        why: "another proxy publishes its port",
        health: undefined,
      }),
    ),
    ...sites.prepare,
    ...sites.routes.filter((step) => !names.has(step.proxy.name)),
  ];
}

/** What runs already must be healthy, too, before clients are sent there, or what served them stops. */
function waitsFor(app: Replacement, sites: SitePlan, stops: readonly StopStep[]): readonly Step[] {
  const stopsSome = stops.some((step) => step.container.running);
  const known = leftUpstreams(sites);
  const routed = sites.routes.flatMap((step) => step.site?.upstreams.map(({ name }) => name) ?? []);
  const fresh = new Set(routed.filter((name) => !known.has(name)));
  return app.waits.filter((step) => stopsSome || fresh.has(upstreamName(step.container.name)));
}

/**
 * With HAProxy clients may still be on what stood by, until the switch before is over its drain. With Caddy their streams stay
 * for as long as it runs, and nobody waits for those: it takes leave of them when it is told to end.
 */
function standDownSteps({ stage, app: wanted }: HostWish, app: Replacement, sites: SitePlan): Step[] {
  const replaced = app.replaced.filter((container) => isSuperseded(container, wanted));
  const stops = formerStandby({ ...app, replaced }, sites);
  return stage.proxy?.driver === "haproxy" ? [...drainSteps(stage, sites, stops), ...stops] : stops;
}

/**
 * What stood by already before this change: under `blue-green` only that keeps running which clients had until now, or,
 * where that does not change, the newest.
 */
function formerStandby(app: Replacement, sites: SitePlan): StopStep[] {
  const left = leftUpstreams(sites);
  const served = app.replaced.filter(({ name }) => left.has(upstreamName(name)));
  const staying = served.length > 0 ? served : newestRelease(app.replaced);
  const leaving = new Set(app.replaced.filter((container) => !staying.includes(container)).map(({ id }) => id));
  const stops = app.stops.filter((step) => leaving.has(step.container.id));
  return stops.map((step) => ({ ...step, standsDown: true }));
}

/** What proxies led to before they are told anything new. */
function leftUpstreams(sites: SitePlan): ReadonlySet<string> {
  return new Set(sites.routes.flatMap((step) => step.before?.upstreams.map(({ name }) => name) ?? []));
}

function drainSteps(stage: Stage, sites: SitePlan, stops: readonly StopStep[]): Step[] {
  const { proxy } = stage;
  const containers = stops.map((step) => step.container).filter((container) => container.running);
  if (!proxy || sites.serving.length === 0 || containers.length === 0) return [];
  // The new may listen elsewhere; the old is asked where it was until now.
  const [left] = sites.routes.flatMap((step) => step.before?.upstreams ?? []);
  const port = left?.port ?? proxy.appPort;
  return [{ kind: "drain", proxies: sites.serving, containers, port, limit: proxy.drain }];
}

function portsOf(app: readonly DesiredContainer[]): readonly PortMapping[] {
  return app.flatMap(({ spec }) => spec.ports);
}

/** Of the proxies that are yet to be made or started. */
function proxyPorts(sites: SitePlan): readonly PortMapping[] {
  return sites.prepare.flatMap((step) => (step.kind === "proxy" ? step.proxy.ports : []));
}
