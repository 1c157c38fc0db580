import { Label } from "../engine/engine.ts";
import type { Site } from "../proxy/proxy.ts";
import { siteId } from "./naming.ts";
import type { ObservedHost } from "./observed.ts";
import type { DesiredSite } from "./proxies.ts";

/** What keeps a proxy that is there from serving a stage as well. */
export type SiteConflict =
  /** Somebody else is served under the same name and path. */
  | { readonly kind: "taken"; readonly host: string; readonly what: string; readonly rival: Site }
  /** The stages that share it have another program in mind; `alone`: nobody but this stage is served by it. */
  | {
      readonly kind: "driver";
      readonly host: string;
      readonly what: string;
      readonly driver: string;
      readonly alone: boolean;
    };

/** Finds out before anything is touched what the proxies would refuse in the midst of a rollout. */
export function siteConflicts(host: ObservedHost, wanted: readonly DesiredSite[]): SiteConflict[] {
  return wanted.flatMap(({ proxy, site }): SiteConflict[] => {
    const found = host.proxies.find(({ container }) => container.name === proxy.name);
    if (!found) return [];
    const { driver } = found;
    if (proxy.owner === undefined && driver !== proxy.driver) {
      const what = `the proxy ${proxy.name} is ${driver}, and stage ${site.stage} asks for ${proxy.driver}`;
      const alone = found.sites.length > 0 && found.sites.every(({ id }) => id === site.id);
      return [{ kind: "driver", host: host.name, what, driver, alone }];
    }
    return found.sites.flatMap((rival): SiteConflict[] => {
      const what = rival.id === site.id ? undefined : clashOf(site, rival);
      return what === undefined ? [] : [{ kind: "taken", host: host.name, what, rival }];
    });
  });
}

/** Which name and path both sites want, in a sentence; undefined where they are apart. */
export function clashOf(site: Site, other: Site): string | undefined {
  if (prefixOf(site) !== prefixOf(other)) return undefined;
  const shared = site.domains.filter((domain) => other.domains.includes(domain));
  if (shared.length === 0) return undefined;
  const names = shared.map((domain) => `${domain}${prefixOf(site)}`).join(", ");
  return `${names} is wanted by ${nameOf(site)} and by ${nameOf(other)}`;
}

function nameOf({ environment, stage }: Site): string {
  return `stage ${stage} of ${environment}`;
}

/** `/shop/` is `/shop`, and `/` is nothing. */
function prefixOf({ path }: Pick<Site, "path">): string {
  return path.replace(/\/+$/, "");
}

/** Under maintenance now, as any of the stage's proxies on these hosts was told. */
export function isMaintained(
  hosts: readonly ObservedHost[],
  place: { readonly environment: string; readonly stage: string },
): boolean {
  const id = siteId(place);
  return hosts.some(({ proxies }) =>
    proxies.some(({ sites }) => sites.some((site) => site.id === id && site.maintenance)),
  );
}

/** True for a proxy that stages share: it belongs to none of them. */
export function isShared(container: { readonly labels: Readonly<Record<string, string>> }): boolean {
  return container.labels[Label.stage] === undefined;
}
