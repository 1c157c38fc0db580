import type { Site } from "./proxy.ts";

/** One way to a site: by some of its host names, or by any name where it has none. */
export interface Route {
  readonly hosts: readonly string[];
  readonly site: Site;
}

/** Sites by host and path, in the order of asking: a name before a wildcard before any name, and longer paths first. */
export function routesOf(sites: readonly Site[]): Route[] {
  const found = sites.flatMap((site) => {
    const wild = site.domains.filter((domain) => domain.includes("*"));
    const exact = site.domains.filter((domain) => !domain.includes("*"));
    const choices = site.domains.length === 0 ? [{ rank: 2, hosts: [] as string[] }] : [];
    if (exact.length > 0) choices.push({ rank: 0, hosts: exact });
    if (wild.length > 0) choices.push({ rank: 1, hosts: wild });
    return choices.map((choice) => ({ ...choice, site }));
  });
  found.sort((a, b) => a.rank - b.rank || prefixOf(b.site).length - prefixOf(a.site).length);
  return found.map(({ hosts, site }) => ({ hosts, site }));
}

/** Sites of one port, which serves them whatever name is asked for. */
export function sitesOfPort(sites: readonly Site[], port: number): Site[] {
  return sites.filter((site) => site.ports.includes(port)).map((site) => ({ ...site, domains: [] }));
}

/** Ports that sites ask for beside 80 and 443. */
export function portsOf(sites: readonly Site[]): number[] {
  return [...new Set(sites.flatMap((site) => site.ports))].sort((a, b) => a - b);
}

/** The prefix without a slash at its end: empty for the whole host. */
export function prefixOf(site: Pick<Site, "path">): string {
  return site.path.replace(/\/+$/, "");
}

/** Whether browsers reach it by HTTPS. */
export function isSecure(site: Pick<Site, "ports" | "tls">): boolean {
  return site.ports.length === 0 && site.tls.kind !== "off";
}
