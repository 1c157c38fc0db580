import { refusedName } from "./host-name.ts";
import { revisionPort, type Site } from "./proxy.ts";
import { isSecure } from "./routes.ts";

/** Bytes: HAProxy answers with no page that does not fit into the buffers that each request has. */
const largestPage = 131_072;

/**
 * A line of HAProxy's configuration has 64 words at most (`MAX_LINE_ARGS`), five of which say how it listens; each certificate
 * takes two. A second line for the port would be a second socket, and the kernel picks one of them without looking at names.
 */
const mostCertificates = Math.floor((64 - 5) / 2);

/** Why HAProxy cannot serve a site, for people; undefined if it can. */
export function haproxyRefuses(site: Site): string | undefined {
  const refused = refusedName(site);
  if (refused !== undefined) return refused;
  if (site.ports.includes(revisionPort)) return `port ${revisionPort} is taken by the proxy itself`;
  if (isSecure(site) && site.tls.kind !== "own") {
    return "HAProxy obtains no certificates; bring your own one, let the stage have no TLS, or let Caddy serve it";
  }
  const large = pagesOf(site).find((page) => Buffer.byteLength(page) > largestPage);
  if (large !== undefined) {
    const size = Math.ceil(Buffer.byteLength(large) / 1024);
    return `a page of ${size} KiB is more than HAProxy can answer with; make it ${largestPage / 1024} KiB or less`;
  }
  return undefined;
}

/** Why one HAProxy cannot serve all these sites, for people; undefined if it can. */
export function haproxyRefusesTogether(sites: readonly Site[]): string | undefined {
  const count = sites.filter(isSecure).length;
  if (count <= mostCertificates) return undefined;
  return `one HAProxy takes ${mostCertificates} certificates, and with these would be ${count}`;
}

/** The user's own pages. */
export function pagesOf(site: Site): string[] {
  return [site.maintenancePage, site.errorPage].filter((page) => page !== undefined);
}
