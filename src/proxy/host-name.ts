import type { Site } from "./proxy.ts";

/** Proxies would take slashes, braces, dollars and the like for more than a name. */
const hostName = /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/;

/** Why a name of the site cannot be a host's, for people; undefined if all can. */
export function refusedName(site: Site): string | undefined {
  const { domains } = site;
  const called = [...site.upstreams, ...(site.canary?.upstreams ?? [])].map(({ name }) => name);
  const odd = called.find((name) => !hostName.test(name)) ?? domains.find((domain) => !hostName.test(domain));
  return odd === undefined ? undefined : `${JSON.stringify(odd)} is no name of a host`;
}
