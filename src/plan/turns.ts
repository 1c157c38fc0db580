import type { Site } from "../proxy/proxy.ts";
import { canTurn, type Turn, turnedUpstreams, turnOf } from "../proxy/turn.ts";
import { canonicalJson } from "./desired.ts";

/** What a proxy was told, and what its sites were turned to since. */
export interface ProxyState {
  readonly sites: readonly Site[];
  /** By id; what sites that cannot be turned have here means nothing. */
  readonly turned: ReadonlyMap<string, Turn>;
}

/** A new configuration. Of the folders of each `stale` site (`turnFolder`) only that of the site as given here is left before. */
export interface ProxyLoad {
  readonly state: ProxyState;
  readonly stale: readonly Pick<Site, "id" | "turns">[];
}

/** The sites as clients have them. */
export function servedSites({ sites, turned }: ProxyState): Site[] {
  return sites.map((site) => {
    const { turns, ...plain } = site;
    const turn = canTurn(site) ? turned.get(site.id) : undefined;
    return turn ? turnedSite(plain, turn) : plain;
  });
}

export function isServed(state: ProxyState, id: string, wanted: Site | undefined): boolean {
  return same(siteOf(servedSites(state), id), wanted);
}

/** What a site that is served so is turned to, to be served as wanted; undefined where it differs in more than its release. */
export function turnBetween(served: Site, wanted: Site): Turn | undefined {
  const turn = turnOf(wanted);
  return turn && same(turnedSite(served, turn), wanted) ? turn : undefined;
}

/** How the site comes to be served as wanted with no new configuration; undefined where it needs one. */
export function turnTo(
  state: ProxyState,
  id: string,
  wanted: Site | undefined,
): { readonly site: Site; readonly turn: Turn; readonly state: ProxyState } | undefined {
  const site = siteOf(state.sites, id);
  const turn = wanted && turnOf(wanted);
  if (!site || !turn || !canTurn(site)) return undefined;
  const next = { ...state, turned: new Map(state.turned).set(id, turn) };
  return isServed(next, id, wanted) ? { site, turn, state: next } : undefined;
}

/** What the proxy is told so that it serves `wanted`, or nothing, under this id; with `turns` by a site that can be turned. */
export function loadOf(state: ProxyState, id: string, wanted: Site | undefined, turns: boolean): ProxyLoad {
  const told = siteOf(state.sites, id);
  if (told && isServed(state, id, wanted)) return { state, stale: [] };
  const others = state.sites.filter((site) => site.id !== id);
  const turned = new Map([...state.turned].filter(([one]) => one !== id));
  if (!wanted) return { state: { sites: others, turned }, stale: [] };
  const next = turns ? { ...wanted, turns: (told?.turns ?? 0) + 1 } : wanted;
  const sites = [...others, next].sort((left, right) => (left.id < right.id ? -1 : 1));
  // The configuration that is live goes on as it was turned until it is replaced.
  return { state: { sites, turned }, stale: turns ? [told ?? { id }] : [] };
}

function turnedSite(site: Site, turn: Turn): Site {
  return { ...site, release: turn.release, upstreams: turnedUpstreams(site, turn.base) };
}

function siteOf(sites: readonly Site[], id: string): Site | undefined {
  return sites.find((site) => site.id === id);
}

function same(left: Site | undefined, right: Site | undefined): boolean {
  return canonicalJson(left ?? null) === canonicalJson(right ?? null);
}
