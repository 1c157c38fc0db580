import { accessLogging } from "./caddy-access.ts";
import { closing } from "./caddy-closing.ts";
import { ifTurned, pathMatch, plainAnswer, redirectHandlers, siteHandlers, turnedFilePath } from "./caddy-site.ts";
import { asDuration, literally } from "./caddy-text.ts";
import { connectionPolicies, tlsApplication } from "./caddy-tls.ts";
import { revisionPort, type Site } from "./proxy.ts";
import { isSecure, portsOf, routesOf, sitesOfPort } from "./routes.ts";
import { canTurn } from "./turn.ts";

/** In the container's own file system: no other container and no network reaches it. */
export const adminSocket = "/run/caddy-admin.sock";

/** Where Caddy keeps the certificates it obtained, as in the official image. */
export const dataFolder = "/data";

/** The whole configuration of one Caddy, in Caddy's own JSON. */
export function caddyConfiguration(sites: readonly Site[], revision: string): object {
  const drains = sites.map(({ drain }) => drain);
  return {
    admin: { listen: `unix/${adminSocket}`, config: { persist: false } },
    logging: accessLogging,
    storage: { module: "file_system", root: `${dataFolder}/caddy` },
    apps: {
      http: { grace_period: asDuration(Math.max(1000, ...drains)), servers: servers(sites, revision) },
      tls: tlsApplication(sites.filter(isSecure)),
      pki: { certificate_authorities: { local: { install_trust: false } } },
    },
  };
}

function servers(sites: readonly Site[], revision: string): Record<string, object> {
  const shared = sites.filter(({ ports }) => ports.length === 0);
  const secure = shared.filter(isSecure);
  const ports = portsOf(sites);
  const all: Record<string, object> = {
    revision: server(revisionPort, revisionRoutes(sites, revision)),
  };
  if (shared.length > 0 || ports.length === 0) {
    all.http = server(
      80,
      siteRoutes(shared, (site) => (isSecure(site) ? redirectHandlers(site) : siteHandlers(site))),
    );
  }
  if (secure.length > 0) {
    all.https = {
      ...server(443, siteRoutes(secure, siteHandlers)),
      protocols: ["h1", "h2"],
      tls_connection_policies: connectionPolicies(secure),
    };
  }
  for (const port of ports) {
    all[`port-${port}`] = server(port, siteRoutes(sitesOfPort(sites, port), siteHandlers));
  }
  return all;
}

function revisionRoutes(sites: readonly Site[], revision: string): object[] {
  const turned = "{http.vars.turned}";
  return [
    ...sites.filter(canTurn).map((site) => ({
      match: [ifTurned(site)],
      handle: [{ handler: "vars", turned: `${turned}+${literally(site.id)}${turnedFilePath}` }],
    })),
    {
      match: [{ path_regexp: { pattern: "^/revision$" }, method: ["GET", "HEAD"] }],
      handle: [{ handler: "static_response", status_code: 200, body: `${literally(revision)}${turned}` }],
    },
  ];
}

function server(port: number, routes: readonly object[]): object {
  return {
    listen: [`:${port}`],
    protocols: ["h1"],
    // All that it would guess is said here: the certificates, and the redirects.
    automatic_https: { disable: true },
    read_header_timeout: "30s",
    idle_timeout: "2m",
    ...(port === revisionPort ? {} : { logs: {} }),
    routes: [closing, ...routes, { handle: [plainAnswer(404, "Nothing is served here.")] }],
  };
}

function siteRoutes(sites: readonly Site[], handlers: (site: Site) => object[]): object[] {
  return routesOf(sites).map(({ hosts, site }) => {
    const match = { ...(hosts.length > 0 ? { host: hosts.map(literally) } : {}), ...pathMatch(site) };
    const matching = Object.keys(match).length > 0 ? { match: [match] } : {};
    return { ...matching, handle: handlers(site), terminal: true };
  });
}
