import type { Site, Upstream } from "./proxy.ts";

/**
 * The upstreams in the order in which requests go round: each as often as its share, and spread, so that a canary gets
 * its requests one by one. Caddy 2.6 knows no weights.
 */
export function ringOf(site: Pick<Site, "upstreams" | "canary">): readonly Upstream[] {
  const { canary, upstreams } = site;
  if (!canary || canary.upstreams.length === 0 || canary.weight <= 0) return upstreams;
  if (upstreams.length === 0 || canary.weight >= 100) return canary.upstreams;
  const stable = (100 - canary.weight) * canary.upstreams.length;
  const tried = canary.weight * upstreams.length;
  const divisor = commonDivisor(stable, tried);
  const places = [
    ...upstreams.flatMap((upstream) => spread(upstream, stable / divisor)),
    ...canary.upstreams.flatMap((upstream) => spread(upstream, tried / divisor)),
  ];
  return places.sort((a, b) => a.at - b.at).map(({ upstream }) => upstream);
}

/** As many places on a round of length one, evenly apart. */
function spread(upstream: Upstream, count: number): { readonly upstream: Upstream; readonly at: number }[] {
  return Array.from({ length: count }, (_, index) => ({ upstream, at: (index + 0.5) / count }));
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
