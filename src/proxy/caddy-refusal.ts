import { refusedName } from "./host-name.ts";
import { revisionPort, type Site } from "./proxy.ts";

/** Why Caddy cannot serve a site, for people; undefined if it can. */
export function caddyRefuses(site: Site): string | undefined {
  const { domains, ports, tls } = site;
  const refused = refusedName(site);
  if (refused !== undefined) return refused;
  if (ports.includes(revisionPort)) return `port ${revisionPort} is taken by the proxy itself`;
  if (ports.length > 0) return undefined;
  if (domains.length === 0 && (tls.kind === "auto" || tls.kind === "internal")) {
    return "a certificate needs the name of a domain; name one, or let the stage have no TLS";
  }
  const wildcard = domains.find((domain) => domain.includes("*"));
  if (wildcard !== undefined && tls.kind === "auto") {
    return `a certificate for ${wildcard} needs access to its DNS zone, which the proxy has not; bring your own one`;
  }
  return undefined;
}
