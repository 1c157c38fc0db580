import type { PortMapping } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import type { Site, Upstream } from "../proxy/proxy.ts";
import type { Release } from "../release/release.ts";
import { canonicalJson } from "./desired.ts";
import { networkName, proxyNetwork, siteId, upstreamName } from "./naming.ts";
import { isRunning, type ObservedHost, type ObservedProxy } from "./observed.ts";
import { existing, type FormerProxy, type RouteStep, type ServingContainer, type Step } from "./plan.ts";
import { type DesiredProxy, type DesiredSite, desiredSites } from "./proxies.ts";
import { clash } from "./room.ts";
import { isShared } from "./site-conflicts.ts";

export interface SiteWish {
  readonly place: { readonly environment: string; readonly stage: string };
  readonly stage: Stage;
  readonly release: Release;
  /** Fingerprint of the certificate that the user brought. */
  readonly certificate: string | undefined;
  /** The containers that run the app once it is switched. */
  readonly serving: readonly ServingContainer[];
  /** True where the stage is under maintenance: what is new of it is, too. */
  readonly maintained: boolean;
}

/** What becomes of the proxies of one host. */
export interface SitePlan {
  /** Makes, starts and attaches proxies. */
  readonly prepare: readonly Step[];
  /** By share of the requests, for a canary. */
  readonly trial: readonly RouteStep[][];
  readonly routes: readonly RouteStep[];
  /** Names of the proxies that serve the stage once all is done. */
  readonly wanted: readonly string[];
  /** Names of proxies that have sent requests to what is replaced. */
  readonly serving: readonly string[];
  /** Upstreams that a canary which did not end still gives a share of the requests. */
  readonly tried: ReadonlySet<string>;
  readonly removals: readonly Step[];
}

/** Decides the least that lets the proxies of a host serve a stage as it is wanted, and nothing of it besides. */
export function planSites(host: ObservedHost, wish: SiteWish): SitePlan {
  const upstreams = wish.serving.map(({ name, port }) => ({ name: upstreamName(name), port }));
  const running = { release: wish.release, upstreams };
  const wanted = desiredSites(wish.place, wish.stage, running, wish.certificate);
  const id = siteId(wish.place);
  const network = networkName(wish.place);
  // One that is replaced may have a port that another is to have now.
  const prepare = wanted
    .map(({ proxy }) => proxySteps(host, proxy, network))
    .sort((left, right) => Number(right.some(isReplacement)) - Number(left.some(isReplacement)))
    .flat();
  const routes = wanted.flatMap(({ proxy, site }) => routeSteps(host, proxy, site, wish.maintained));
  const unwanted = host.proxies.filter(({ container }) => !wanted.some(({ proxy }) => proxy.name === container.name));
  const stale = unwanted.filter(({ sites }) => sites.some((site) => site.id === id));
  // One that does not run serves nobody: it is only not to begin with it again.
  const away = stale.filter(({ container }) => isRunning(container)).map((proxy) => awayFrom(proxy, id));
  const ports = [...wanted.flatMap(({ proxy }) => proxy.ports), ...wish.stage.app.ports];
  const idle = unwanted.filter(
    (proxy) => isIdle(proxy, network) && (network in proxy.container.networks || clash(proxy.container.ports, ports)),
  );
  const own = host.proxies.filter(({ container }) => isRunning(container)).flatMap((proxy) => siteOf(proxy, id) ?? []);
  const forgotten = stale.filter(({ container }) => !isRunning(container) && isShared(container));
  return {
    prepare,
    trial: trialSteps(host, wish.stage, wanted),
    routes: [...routes, ...away],
    wanted: wanted.map(({ proxy }) => proxy.name),
    serving: host.proxies
      .filter(({ container, sites }) => isRunning(container) && sites.some((site) => site.id === id))
      .map(({ container }) => container.name),
    tried: new Set(own.flatMap(({ canary }) => canary?.upstreams.map(({ name }) => name) ?? [])),
    removals: [
      ...forgotten.map((proxy) => awayFrom(proxy, id)),
      ...unwanted
        .filter(
          (proxy) =>
            isOwn(proxy, wish.place) || (isShared(proxy.container) && stale.includes(proxy)) || idle.includes(proxy),
        )
        .flatMap((proxy) => removeSteps(proxy, id, network)),
    ],
  };
}

function awayFrom(proxy: ObservedProxy, id: string): RouteStep {
  const { name } = proxy.container;
  return { kind: "route", proxy: { name, driver: proxy.driver }, id, site: undefined, before: siteOf(proxy, id) };
}

/** One that others are served by loses the stage's network alone. */
function removeSteps({ container, sites }: ObservedProxy, id: string, network: string): Step[] {
  const shared = isShared(container);
  const leave: Step[] =
    shared && network in container.networks ? [{ kind: "leave", proxy: container.name, network }] : [];
  if (shared && sites.some((site) => site.id !== id)) return leave;
  return [
    ...leave,
    { kind: "remove-proxy", container: existing(container), certificates: !shared, why: "no longer needed" },
  ];
}

/**
 * A shared proxy that serves nobody, and is on no network of another stage: whoever made it was killed, or failed, before it
 * served. It goes with the stage on whose network it is; else its ports are free for whom they are to serve now. (Who makes
 * one this very moment wants a port that only one of both can have.)
 */
export function isIdle({ container, sites }: ObservedProxy, network: string): boolean {
  const joined = Object.keys(container.networks).filter((name) => name !== proxyNetwork && name !== network);
  return isShared(container) && sites.length === 0 && joined.length === 0;
}

/** The proxies that are a stage's own. */
export function ownProxies(host: ObservedHost, place: { readonly environment: string; readonly stage: string }) {
  return host.proxies.filter((proxy) => isOwn(proxy, place));
}

function isOwn({ container }: ObservedProxy, place: { readonly environment: string; readonly stage: string }): boolean {
  return (
    container.labels["envctl.environment"] === place.environment && container.labels["envctl.stage"] === place.stage
  );
}

function proxySteps(host: ObservedHost, proxy: DesiredProxy, network: string): Step[] {
  const found = host.proxies.find(({ container }) => container.name === proxy.name);
  const differs = found && (found.driver !== proxy.driver || publishesOther(found, proxy.ports));
  const replaces = differs && proxy.owner !== undefined ? former(found) : undefined;
  const steps: Step[] = [];
  if (!found || replaces || !isRunning(found.container)) steps.push({ kind: "proxy", proxy, replaces });
  if (!found || replaces || !(network in found.container.networks)) {
    steps.push({ kind: "join", proxy: proxy.name, network });
  }
  return steps;
}

function isReplacement(step: Step): boolean {
  return step.kind === "proxy" && step.replaces !== undefined;
}

function former({ container, driver }: ObservedProxy): FormerProxy {
  return { driver, image: container.imageReference, ports: container.ports };
}

/** A stage's own proxy follows the file; one that others share is replaced by `envctl proxy` alone. */
function publishesOther({ container }: ObservedProxy, ports: readonly PortMapping[]): boolean {
  const texts = (list: readonly PortMapping[]) => list.map((port) => canonicalJson(port)).sort();
  return canonicalJson(texts(container.ports)) !== canonicalJson(texts(ports));
}

function routeSteps(host: ObservedHost, proxy: DesiredProxy, desired: Site, maintained: boolean): RouteStep[] {
  const found = host.proxies.find(({ container }) => container.name === proxy.name);
  const before = found && siteOf(found, desired.id);
  // Maintenance is switched by hand, and a release does not end it.
  const site = { ...desired, maintenance: before?.maintenance ?? maintained };
  if (canonicalJson(before ?? null) === canonicalJson(site)) return [];
  return [{ kind: "route", proxy, id: site.id, site, before: before && settled(before) }];
}

/** The new release beside the one that serves, with a growing share of the requests. */
function trialSteps(host: ObservedHost, stage: Stage, wanted: readonly DesiredSite[]): RouteStep[][] {
  const { strategy, canary } = stage.rollout;
  if (strategy !== "canary") return [];
  const pairs = wanted.flatMap(({ proxy, site }) => {
    // One that does not run has no clients who could try it, and may start only in the switch.
    const found = host.proxies.find(({ container }) => container.name === proxy.name && isRunning(container));
    const before = found && siteOf(found, site.id);
    return before && isTried(host, before, site.upstreams) ? [{ proxy, site, before: settled(before) }] : [];
  });
  if (pairs.length === 0) return [];
  return canary.weights.map((weight) =>
    pairs.map(({ proxy, site, before }) => ({
      kind: "route",
      proxy,
      id: site.id,
      // Its judge reads the access log.
      site: { ...before, canary: { upstreams: site.upstreams, weight }, accessLog: true },
      before,
    })),
  );
}

/** There is something to compare with: what serves now is another release, and runs. */
function isTried(host: ObservedHost, before: Site, next: readonly Upstream[]): boolean {
  const names = new Set(next.map(({ name }) => name));
  const alive = new Set(host.containers.filter(isRunning).map(({ name }) => upstreamName(name)));
  return before.upstreams.some(({ name }) => alive.has(name)) && !before.upstreams.some(({ name }) => names.has(name));
}

/** A site as it was before a canary that did not end. */
function settled(site: Site): Site {
  return { ...site, canary: undefined };
}

function siteOf(proxy: ObservedProxy, id: string): Site | undefined {
  return proxy.sites.find((site) => site.id === id);
}
