import { logsAccessOf, logsNoAccess } from "./caddy-access.ts";
import { closingOnAnswer } from "./caddy-closing.ts";
import { ringOf } from "./caddy-ring.ts";
import { asDuration, asPattern, asSentPattern, greaterThan, literally } from "./caddy-text.ts";
import type { Site } from "./proxy.ts";
import { prefixOf } from "./routes.ts";
import { canTurn, turnedUpstreams, turnFolder } from "./turn.ts";

/** What is done with a request that is a site's own: a route without the match by host. */
export function siteHandlers(site: Site): object[] {
  const log = site.accessLog ? logsAccessOf(site) : logsNoAccess;
  if (site.maintenance) return [log, page(503, site.maintenancePage, { "Retry-After": ["30"] })];
  const routes = [...tooLarge(site), ...turned(site), { handle: proxying(site, dialsOf(site)) }];
  return [log, { handler: "subroute", routes, errors: { routes: errorRoutes(site) } }];
}

/** Sends browsers to HTTPS: with 308 a form that is sent stays a form that is sent. */
export function redirectHandlers(site: Site): object[] {
  const port = site.httpsPort === 443 ? "" : `:${site.httpsPort}`;
  const location = `https://{http.request.host}${port}{http.request.uri}`;
  const redirect = { handler: "static_response", status_code: 308, headers: { Location: [location] } };
  return [site.accessLog ? logsAccessOf(site) : logsNoAccess, redirect];
}

/** `/shop` and what is below it, but not `/shopping`; nothing for what all requests match. */
export function pathMatch(site: Pick<Site, "path">): object {
  const path = prefixOf(site);
  // `path` would ignore case and know wildcards.
  return path === "" ? {} : { path_regexp: { pattern: `^${asPattern(path)}(?:/|$)` } };
}

/** A short answer of the proxy's own. */
export function plainAnswer(status: number, text: string): object {
  return { handler: "static_response", status_code: status, body: `${text}\n` };
}

/** Refuses a body that says it is too large before the app sees any of it. */
function tooLarge({ maxBody }: Site): object[] {
  if (maxBody === undefined) return [];
  const match = [{ header_regexp: { "Content-Length": { pattern: greaterThan(maxBody) } } }];
  return [{ match, handle: [plainAnswer(413, "413 Request Entity Too Large")], terminal: true }];
}

/** The release that the site was turned to. Caddy looks for the file at each request, as the kernel has it in memory. */
function turned(site: Site): object[] {
  if (!canTurn(site)) return [];
  const base = {
    handler: "map",
    source: turnedFilePath,
    destinations: [turnedBase],
    mappings: [{ input_regexp: "~(.*)$", outputs: ["$1"] }],
  };
  const dials = turnedUpstreams(site, turnedBase).map(({ name, port }) => `${name}:${port}`);
  return [{ match: [ifTurned(site)], handle: [base, ...proxying(site, dials)], terminal: true }];
}

/** Of a request to a site that was turned: the file's path, from a slash that stands for its folder. */
export const turnedFilePath = "{http.matchers.file.relative}";

const turnedBase = "{envctl.base}";

/** Looked for anew where it was replaced by another right after it was found. */
export function ifTurned(site: Site): object {
  return { file: { root: literally(turnFolder(site)), try_files: ["*", "*", "*"] } };
}

/** Names, not addresses: they are looked up whenever a connection is made. */
function dialsOf(site: Site): string[] {
  return ringOf(site).map(({ name, port }) => literally(`${name}:${port}`));
}

function proxying(site: Site, dials: readonly string[]): object[] {
  const prefix = prefixOf(site);
  const strip = site.stripPath && prefix !== "";
  // What a client says of the way it came is no evidence; Caddy adds For, Proto and Host of its own.
  const distrusted = {
    handler: "headers",
    request: {
      delete: ["X-Forwarded-*", "Forwarded", "X-Real-Ip"],
    },
  };
  const ranges = site.trustedProxies ?? [];
  const byStrangers = [{ match: [{ not: [{ remote_ip: { ranges } }] }], handle: [distrusted] }];
  const headers = ranges.length === 0 ? distrusted : { handler: "subroute", routes: byStrangers };
  const told = strip ? [{ handler: "headers", request: { set: { "X-Forwarded-Prefix": [literally(prefix)] } } }] : [];
  return [
    // For bodies that do not say how long they are. Caddy takes zero for no limit.
    ...(site.maxBody === undefined ? [] : [{ handler: "request_body", max_size: Math.max(1, site.maxBody) }]),
    headers,
    ...told,
    // `strip_path_prefix` would take `//` for `/` in all of the path, and so spoil an address in it.
    ...(strip
      ? [{ handler: "rewrite", path_regexp: [{ find: `^${asSentPattern(prefix)}(?:/|$)`, replace: "/" }] }]
      : []),
    reverseProxy(site, dials),
  ];
}

function reverseProxy(site: Site, dials: readonly string[]): object {
  return {
    handler: "reverse_proxy",
    upstreams: dials.map((dial) => ({ dial })),
    ...(site.trustedProxies ? { trusted_proxies: site.trustedProxies } : {}),
    load_balancing: {
      selection_policy: { policy: "round_robin" },
      // Only what could not be sent, and a GET, is tried again. No passive health checks: they would take an upstream
      // for dead after one slow request, and a site with one upstream off the network.
      try_duration: "2s",
      try_interval: new Set(dials).size > 1 ? "20ms" : "100ms",
    },
    transport: {
      protocol: "http",
      compression: false,
      dial_timeout: "1s",
      response_header_timeout: asDuration(site.responseTimeout),
      // Shorter than servers keep theirs (2 s and more): one that is just being closed would fail a POST. And no longer than a
      // busy site leaves one unused, since one that a request of the configuration before was the last to use is open for as
      // long, and every drain waits for it; a new one to a container of the same host costs a tenth of a millisecond.
      keep_alive: { enabled: true, probe_interval: "30s", max_idle_conns_per_host: 128, idle_timeout: "50ms" },
    },
    handle_response: [closingOnAnswer],
    // No flush_interval: event streams are flushed anyway, and -1 would break off requests at a reload.
  };
}

/** The proxy's own errors. What the app answers never comes here, whatever its status. */
function errorRoutes(site: Site): object[] {
  const unreachable = { vars: { "{http.error.status_code}": ["502", "503", "504"] } };
  const status = "{http.error.status_code}";
  const shown = site.errorPage === undefined ? [] : [{ match: [unreachable], handle: [page(status, site.errorPage)] }];
  const plain = {
    handler: "static_response",
    status_code: status,
    body: "{http.error.status_code} {http.error.status_text}\n",
  };
  return [...shown, { handle: [plain] }];
}

function page(status: number | string, html: string | undefined, headers: Record<string, string[]> = {}): object {
  const type = html === undefined ? "text/plain; charset=utf-8" : "text/html; charset=utf-8";
  return {
    handler: "static_response",
    status_code: status,
    headers: { ...headers, "Content-Type": [type], "Cache-Control": ["no-store"] },
    body: literally(html ?? "This site is down for maintenance and will be back soon.\n"),
  };
}
