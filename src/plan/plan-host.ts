import { Label, type ObservedContainer, type PortMapping } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { DesiredContainer } from "./desired.ts";
import { endpointOf, hasEndpoint } from "./endpoint.ts";
import type { HostWish } from "./host-wish.ts";
import { upstreamName } from "./naming.ts";
import { isRunning, newestRelease, type ObservedHost } from "./observed.ts";
import { existing, type HostPlan, type PlannedImage, type RouteStep, type Step, type StopStep } from "./plan.ts";
import { planSites, type SitePlan } from "./plan-sites.ts";
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
    trial: wish.asItRanThen ? [] : turn.trial,
    switch: turn.switch,
    retire: turn.retire,
    tidy: [
      ...(replaces ? [] : turn.standDown),
      // A replaced service's data is in its volumes; its stopped container is of no use.
      ...services.flatMap(({ replaced }) =>
        replaced.map((found): Step => ({ kind: "remove", container: existing(found), why: "replaced" })),
      ),
      ...tidySteps(host, {
        kept: new Set([app, ...workers, ...services].flatMap(({ kept }) => kept)),
        stopped: new Set(stops.map((step) => step.container.id)),
        keep: wish.stage.rollout.keep,
        release: wish.release.digest,
        left: leftUpstreams(sites),
        stage: wish.stage,
        workloads: [
          ...wish.workers.flatMap((containers) => containers.slice(0, 1)),
          ...wish.services.map(({ desired }) => desired),
        ],
      }),
      // A proxy that was stopped is told now: it goes only where it serves nobody, as far as it knows.
      ...sites.routes.filter((step) => turn.stopped.has(step.proxy.name)),
      ...sites.removals,
    ],
    gap: turn.gap,
    serving: app.serving,
    proxies: sites.wanted,
    supersedes: app.replaced.some((container) => isSuperseded(container, wish.app) || app.starts.length > 0),
    returns: wish.asItRanThen,
  };
}

/** By its labels: another release, or the same one configured otherwise. */
function isSuperseded(container: ObservedContainer, [wanted]: readonly DesiredContainer[]): boolean {
  return (
    wanted === undefined ||
    container.labels[Label.digest] !== wanted.digest ||
    container.labels[Label.configHash] !== wanted.configHash ||
    !hasEndpoint(container, wanted.workload)
  );
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
  /** Names of proxies that are stopped in the switch: nobody reaches them, and they go at the end. */
  readonly stopped: ReadonlySet<string>;
}

/** In which order the app of one host is replaced: side by side where that is possible, else one after the other. */
function turnOver(host: ObservedHost, wish: HostWish, app: Replacement, sites: SitePlan): Turnover {
  const { strategy } = wish.stage.rollout;
  const published = app.replaced.flatMap((container) => container.ports);
  const direct = portsOf(wish.app);
  const toStart = proxyPorts(sites);
  // A port has one owner: where it passes from the app to a proxy, or back, or to another proxy, the old must let go first.
  const toProxy = clash(published, toStart);
  const fromProxy = leavingProxies(host, sites, [...toStart, ...(app.starts.length > 0 ? direct : [])]);
  const handsOver = fromProxy.map(
    (container): Step => ({
      kind: "stop",
      container: existing(container),
      why: "its port passes on",
      health: undefined,
    }),
  );
  const stopped = new Set(fromProxy.map(({ name }) => name));
  const leaves = sites.serving.some((name) => stopped.has(name));
  const routes = sites.routes.filter((step) => !stopped.has(step.proxy.name));
  // Where nothing new starts, nothing has to make room for it: then, too, proxies turn away before anything stops.
  const roomForBoth = app.starts.length === 0 || (strategy !== "recreate" && direct.length === 0);
  if (roomForBoth && !toProxy) {
    const standsBy = strategy === "blue-green";
    const former = standsBy ? formerStandby(wish, app, sites) : [];
    // Until the switch those have clients, too, who try what they run.
    const tried = new Set(
      former.flatMap(({ container: { id, name } }) => (sites.tried.has(upstreamName(name)) ? [id] : [])),
    );
    const stops = standsBy
      ? app.stops.filter(({ container: { id } }) => tried.has(id) || isSurplus(id, app, wish.app))
      : app.stops;
    const swaps = fromProxy.length > 0;
    return {
      proxiesFirst: swaps ? [] : sites.prepare,
      start: [...app.creates, ...app.starts, ...waitsFor(app, sites, stops)],
      trial: app.starts.length > 0 || sites.routes.length > 0 ? sites.trial : [],
      switch: swaps ? [...handsOver, ...sites.prepare, ...routes] : sites.routes,
      retire: [...drainSteps(wish.stage, app, sites, stops), ...stops.map(aside)],
      standDown: standDownSteps(
        wish,
        app,
        sites,
        former.filter(({ container }) => !tried.has(container.id)),
      ),
      gap: leaves,
      stopped,
    };
  }
  const late = toProxy || fromProxy.some(({ ports }) => clash(ports, toStart));
  return {
    proxiesFirst: late ? [] : sites.prepare,
    start: [],
    trial: [],
    switch: [
      ...app.creates,
      ...handsOver,
      ...app.stops,
      ...(late ? sites.prepare : []),
      ...app.starts,
      ...waitsFor(app, { ...sites, routes }, []),
      ...routes,
    ],
    retire: [],
    standDown: [],
    gap: (app.starts.length > 0 || toProxy) && (app.replaced.length > 0 || leaves),
    stopped,
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

/** The stage's proxies that go, run, and have one of these ports. */
function leavingProxies(host: ObservedHost, sites: SitePlan, ports: readonly PortMapping[]): ObservedContainer[] {
  const leaving = new Set(sites.removals.flatMap((step) => (step.kind === "remove-proxy" ? [step.container.id] : [])));
  return host.proxies
    .map(({ container }) => container)
    .filter((container) => leaving.has(container.id) && isRunning(container) && clash(container.ports, ports));
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
function standDownSteps(
  { stage }: HostWish,
  app: Replacement,
  sites: SitePlan,
  stops: readonly StopStep[],
): readonly Step[] {
  return stage.proxy?.driver === "haproxy" ? [...drainSteps(stage, app, sites, stops), ...stops] : stops;
}

/**
 * What stood by already before this change: under `blue-green` only that keeps running which clients had until now, or,
 * where that does not change, the newest.
 */
function formerStandby({ app: wanted }: HostWish, app: Replacement, sites: SitePlan): StopStep[] {
  const left = leftUpstreams(sites);
  const replaced = app.replaced.filter((container) => isSuperseded(container, wanted));
  const served = replaced.filter(({ name }) => left.has(upstreamName(name)));
  const staying = served.length > 0 ? served : newestRelease(replaced);
  const leaving = new Set(replaced.filter((container) => !staying.includes(container)).map(({ id }) => id));
  const stops = app.stops.filter((step) => leaving.has(step.container.id));
  return stops.map((step) => ({ ...step, standsDown: true }));
}

/** What proxies led to before they are told anything new. */
function leftUpstreams(sites: SitePlan): ReadonlySet<string> {
  return new Set(sites.routes.flatMap((step) => step.before?.upstreams.map(({ name }) => name) ?? []));
}

function drainSteps(stage: Stage, app: Replacement, sites: SitePlan, stops: readonly StopStep[]): Step[] {
  const { proxy } = stage;
  if (!proxy || sites.serving.length === 0) return [];
  const leaving = new Set(stops.map((step) => step.container.id));
  // The new may listen elsewhere; the old is asked where it was until now.
  const left = sites.routes.flatMap((step) => step.before?.upstreams ?? []);
  const containers = app.replaced
    .filter(({ id }) => leaving.has(id))
    .map((container) => {
      const routed = left.find(({ name }) => name === upstreamName(container.name));
      return {
        ...existing(container),
        port: routed?.port ?? endpointOf(container, stage.app).port ?? proxy.appPort,
      };
    });
  return containers.length === 0 ? [] : [{ kind: "drain", proxies: sites.serving, containers, limit: proxy.drain }];
}

function portsOf(app: readonly DesiredContainer[]): readonly PortMapping[] {
  return app.flatMap(({ spec }) => spec.ports);
}

/** Of the proxies that are yet to be made or started. */
function proxyPorts(sites: SitePlan): readonly PortMapping[] {
  return sites.prepare.flatMap((step) => (step.kind === "proxy" ? step.proxy.ports : []));
}
