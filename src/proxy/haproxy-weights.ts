import type { Site, Upstream } from "./proxy.ts";

/** HAProxy's greatest weight. */
const most = 256;

export interface Weighed {
  readonly upstream: Upstream;
  readonly weight: number;
}

/** The upstreams that get requests, each with its share. */
export function weighed(site: Pick<Site, "upstreams" | "canary">): Weighed[] {
  const { canary, upstreams } = site;
  const all = (some: readonly Upstream[], weight: number) => some.map((upstream) => ({ upstream, weight }));
  if (!canary || canary.upstreams.length === 0 || canary.weight <= 0) return all(upstreams, 1);
  if (upstreams.length === 0 || canary.weight >= 100) return all(canary.upstreams, 1);
  const stable = (100 - canary.weight) * canary.upstreams.length;
  const tried = canary.weight * upstreams.length;
  const [first, second] = inRatio(stable, tried);
  return [...all(upstreams, first), ...all(canary.upstreams, second)];
}

/** The two weights that come nearest to a ratio, and the smallest of these: 90 to 10 is 9 to 1. */
function inRatio(a: number, b: number): [number, number] {
  let best: [number, number] = [1, 1];
  let least = Number.POSITIVE_INFINITY;
  for (let smaller = 1; smaller <= most; smaller += 1) {
    const larger = Math.min(most, Math.round((smaller * Math.max(a, b)) / Math.min(a, b)));
    const error = Math.abs(larger / smaller - Math.max(a, b) / Math.min(a, b));
    if (error >= least - 1e-9) continue;
    least = error;
    best = a >= b ? [larger, smaller] : [smaller, larger];
  }
  return best;
}
