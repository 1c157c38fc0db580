import { sectionOf } from "./haproxy-access.ts";
import { plainAnswer, redirectSection, siteSection, successorSection } from "./haproxy-site.ts";
import { asName, asRequested, quoted } from "./haproxy-text.ts";
import { certificateFile, revisionPort, type Site } from "./proxy.ts";
import { isSecure, portsOf, prefixOf, type Route, routesOf, sitesOfPort } from "./routes.ts";

/** Everything that listens, and what it hands requests to. */
export function listening(sites: readonly Site[], revision: string): string[] {
  const ports = portsOf(sites);
  const shared = sites.filter(({ ports }) => ports.length === 0);
  const secure = shared.filter(isSecure);
  const http = routesOf(shared).map((route) => ({ route, kind: isSecure(route.site) ? "sends" : "serves" }) as const);
  const serving = (some: readonly Site[]) => routesOf(some).map((route) => ({ route, kind: "serves" }) as const);
  return [
    ...revisionSections(revision),
    ...(shared.length > 0 || ports.length === 0 ? frontend("http", "bind :80", http) : []),
    ...(secure.length > 0 ? frontend("https", secureBind(secure), serving(secure)) : []),
    ...ports.flatMap((port) => frontend(`port:${port}`, `bind :${port}`, serving(sitesOfPort(sites, port)))),
    ...secure.flatMap(redirectSection),
    ...sites.flatMap(siteSection),
    ...sites.flatMap(successorSection),
    "backend nothing",
    "  http-request set-log-level silent",
    `  http-request return ${plainAnswer(404, "Nothing is served here.")}`,
  ];
}

/** Its tag is what the activation looks for: a revision may be any text, and shells are no place for that. */
function revisionSections(revision: string): string[] {
  return [
    "frontend revision",
    `  bind :${revisionPort}`,
    "  http-request set-log-level silent",
    "  acl asked path -m str -- /revision",
    "  acl asked-how method GET HEAD",
    `  http-request return status 200 content-type text/plain string ${quoted(revision)} ` +
      `hdr ETag '"${asName(revision)}"' if asked asked-how`,
    "  default_backend nothing",
  ];
}

interface Choice {
  readonly route: Route;
  readonly kind: "serves" | "sends";
}

function frontend(name: string, bind: string, choices: readonly Choice[]): string[] {
  return [
    `frontend ${name}`,
    `  ${bind}`,
    // Here alone: other sections would tell there of what is no access.
    "  log stdout format raw local0",
    "  http-request set-var(txn.host) req.hdr(host),host_only,lower",
    ...choices.flatMap(({ route, kind }, index) => {
      const conditions = [...hostMatch(route, index), ...pathMatch(route.site, index)];
      const names = [...new Set(conditions.map(([acl]) => acl))];
      return [
        ...conditions.map(([acl, matches]) => `  acl ${acl} ${matches}`),
        `  use_backend ${sectionOf(route.site, kind)}${names.length > 0 ? ` if ${names.join(" ")}` : ""}`,
      ];
    }),
    "  default_backend nothing",
  ];
}

type Condition = readonly [acl: string, matches: string];

/** Lines with the same name are alternatives. */
function hostMatch({ hosts }: Route, index: number): Condition[] {
  return hosts.map((host) => {
    const name = host.toLowerCase();
    // As in certificates, the star is for one label.
    const matches = name.startsWith("*.")
      ? `-m reg -- ${quoted(`^[^.]+${asPattern(name.slice(1))}$`)}`
      : `-m str -- ${quoted(name)}`;
    return [`host-${index}`, `var(txn.host) ${matches}`];
  });
}

/** `/shop` and what is below it, but not `/shopping`; nothing for what all requests match. */
function pathMatch(site: Site, index: number): Condition[] {
  const prefix = asRequested(prefixOf(site));
  if (prefix === "") return [];
  return [
    [`path-${index}`, `path -m str -- ${quoted(prefix)}`],
    [`path-${index}`, `path -m beg -- ${quoted(`${prefix}/`)}`],
  ];
}

/**
 * Which certificate a connection gets is up to the names in the certificates. The first is for names that none has,
 * and so that of a site without domains.
 */
function secureBind(sites: readonly Site[]): string {
  const inOrder = [...sites].sort((a, b) => Math.min(1, a.domains.length) - Math.min(1, b.domains.length));
  const certificates = inOrder.map((site) => ` crt ${quoted(certificateFile(site))}`);
  return `bind :443 ssl${certificates.join("")} alpn h2,http/1.1`;
}

function asPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
