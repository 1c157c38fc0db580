import type { Site } from "../proxy/proxy.ts";
import { canonicalJson } from "./desired.ts";

/** What a proxy was told, and which of its sites serve their standby by now (`turnedFile`). */
export interface ProxyState {
  readonly sites: readonly Site[];
  /** Ids; those of sites that have no standby mean nothing. */
  readonly turned: ReadonlySet<string>;
}

/** A new configuration. What is left of files of `stale` sites is removed before: they would have a meaning in it. */
export interface ProxyLoad {
  readonly state: ProxyState;
  readonly stale: readonly string[];
}

/** The sites as clients have them. */
export function servedSites({ sites, turned }: ProxyState): Site[] {
  return sites.map((site) => {
    const { standby, ...plain } = site;
    return standby && turned.has(site.id) ? { ...plain, ...standby } : plain;
  });
}

export function isServed(state: ProxyState, id: string, wanted: Site | undefined): boolean {
  return same(siteOf(servedSites(state), id), wanted);
}

/** What there is once a site and its standby have changed places; undefined where that is not what is wanted. */
export function turnTo(
  state: ProxyState,
  id: string,
  wanted: Site | undefined,
): { readonly on: boolean; readonly state: ProxyState } | undefined {
  const on = !state.turned.has(id);
  const turned = new Set(state.turned);
  if (on) turned.add(id);
  else turned.delete(id);
  const next = { ...state, turned };
  return siteOf(state.sites, id)?.standby && isServed(next, id, wanted) ? { on, state: next } : undefined;
}

/** What the proxy is told so that it serves `wanted`, or nothing, under this id; with `standsBy` what it served is kept ready. */
export function loadOf(state: ProxyState, id: string, wanted: Site | undefined, standsBy: boolean): ProxyLoad {
  const told = siteOf(state.sites, id);
  const others = state.sites.filter((site) => site.id !== id);
  if (!wanted) return { state: { ...state, sites: others }, stale: [] };
  const next = isServed(state, id, wanted) && told ? told : standsBy ? beside(state, wanted) : wanted;
  const stale = next.standby && !told?.standby ? [id] : [];
  const sites = [...others, next].sort((left, right) => (left.id < right.id ? -1 : 1));
  const turned = [...state.turned].filter((one) => !stale.includes(one));
  return { state: { sites, turned: new Set(turned) }, stale };
}

/** Both in one site, so that it is `wanted` that is served with its file as it is, which a load does not touch. */
function beside(state: ProxyState, wanted: Site): Site {
  const served = siteOf(servedSites(state), wanted.id);
  if (!served || !differsInRelease(served, wanted)) return wanted;
  const isTurned = siteOf(state.sites, wanted.id)?.standby && state.turned.has(wanted.id);
  const [site, { release, upstreams }] = isTurned ? [served, wanted] : [wanted, served];
  return { ...site, standby: { release, upstreams } };
}

/** All else is told to the proxy once for both. */
function differsInRelease(left: Site, right: Site): boolean {
  const { release, upstreams } = right;
  return same({ ...left, release, upstreams }, right);
}

function siteOf(sites: readonly Site[], id: string): Site | undefined {
  return sites.find((site) => site.id === id);
}

function same(left: Site | undefined, right: Site | undefined): boolean {
  return canonicalJson(left ?? null) === canonicalJson(right ?? null);
}
