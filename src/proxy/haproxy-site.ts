import { digestOf } from "../base/digest.ts";
import { sectionOf, serverName, successorName } from "./haproxy-access.ts";
import { asRequested, asTime, quoted, quotedFormat } from "./haproxy-text.ts";
import { weighed } from "./haproxy-weights.ts";
import type { Site, Upstream } from "./proxy.ts";
import { isSecure, prefixOf } from "./routes.ts";

/** As long as HAProxy can wait: 24 days. */
const ever = asTime(Number.POSITIVE_INFINITY);

/** The section that answers for a site. */
export function siteSection(site: Site): string[] {
  const lines = site.maintenance
    ? [`http-request return ${page(503, site.maintenancePage, maintenanceText)} hdr Retry-After 30`]
    : [...tooLarge(site), ...forwarding(site), ...errorPages(site), ...waiting(site), ...servers(site)];
  return section(site, "serves", lines);
}

/** The section that sends a site's browsers to HTTPS: with 308 a form that is sent stays a form that is sent. */
export function redirectSection(site: Site): string[] {
  const port = site.httpsPort === 443 ? "" : `:${site.httpsPort}`;
  const location = `https://%[var(txn.host)]${port}%[pathq]`;
  return section(site, "sends", [`http-request redirect location ${location} code 308`]);
}

/** A short answer of the proxy's own, as the arguments of a rule. */
export function plainAnswer(status: number, text: string): string {
  return `status ${status} content-type 'text/plain; charset=utf-8' string ${quoted(`${text}\n`)}`;
}

const maintenanceText = "This site is down for maintenance and will be back soon.";

function section(site: Site, kind: "serves" | "sends", lines: readonly string[]): string[] {
  const quiet = site.accessLog ? [] : ["http-request set-log-level silent"];
  return [`backend ${sectionOf(site, kind)}`, ...[...quiet, ...lines].map((line) => `  ${line}`)];
}

function page(status: number, html: string | undefined, otherwise: string): string {
  const shown =
    html === undefined
      ? plainAnswer(status, otherwise)
      : `status ${status} content-type 'text/html; charset=utf-8' string ${quoted(html)}`;
  return `${shown} hdr Cache-Control no-store`;
}

/**
 * HAProxy cannot count what is under way: who sends a body to a site with a limit says how long it is. In HTTP/2 there
 * is no header that tells of a body without a length: its first byte does.
 */
function tooLarge({ maxBody }: Site): string[] {
  if (maxBody === undefined) return [];
  const limit = Math.max(0, Math.floor(maxBody));
  const unknown = `http-request return ${plainAnswer(411, "411 Length Required")}`;
  return [
    "acl announced req.hdr(content-length) -m found",
    "acl chunked req.hdr(transfer-encoding) -m found",
    // What follows is no body.
    "acl upgrades req.hdr(upgrade) -m found",
    "http-request wait-for-body time 10s at-least 1 if !announced !upgrades",
    `http-request return ${plainAnswer(413, "413 Request Entity Too Large")} if { req.body_size gt ${limit} }`,
    `${unknown} if !announced !upgrades { req.body_size gt 0 }`,
    `${unknown} if chunked upgrades`,
  ];
}

function forwarding(site: Site): string[] {
  const prefix = asRequested(prefixOf(site));
  const ranges = site.trustedProxies ?? [];
  const strangers = ranges.length === 0 ? "" : " unless trusted";
  const unlessTold = (name: string) => (ranges.length === 0 ? "" : ` !{ req.hdr(${name}) -m found }`);
  const proto = unlessTold("X-Forwarded-Proto");
  // What a client says of the way it came is no evidence.
  const told = [
    // Lines with the same name are alternatives; one line has room for some sixty.
    ...ranges.map((range) => `acl trusted src -- ${quoted(range)}`),
    `http-request del-header X-Forwarded- -m beg${strangers}`,
    `http-request del-header Forwarded${strangers}`,
    `http-request del-header X-Real-IP${strangers}`,
    // After what a trusted proxy says, or alone.
    "http-request add-header X-Forwarded-For %[src]",
    `http-request set-header X-Forwarded-Proto ${isSecure(site) ? "https" : "http"}${proto === "" ? "" : ` if${proto}`}`,
    `http-request set-header X-Forwarded-Host %[req.hdr(host)] if { req.hdr(host) -m found }${unlessTold("X-Forwarded-Host")}`,
  ];
  if (!site.stripPath || prefix === "") return told;
  return [
    ...told,
    `http-request set-header X-Forwarded-Prefix ${quotedFormat(prefix)}`,
    `http-request set-path /%[path,bytes(${prefix.length + 1})]`,
  ];
}

/** The proxy's own errors. What the app answers never comes here, whatever its status. */
function errorPages({ errorPage }: Site): string[] {
  const errors = [
    [502, "502 Bad Gateway"],
    [503, "503 Service Unavailable"],
    [504, "504 Gateway Timeout"],
  ] as const;
  return errors.map(([status, text]) => `http-error ${page(status, errorPage, text)}`);
}

/**
 * HAProxy 2.6 has one time for an answer to begin and for each pause in it, and it runs while a client pauses in the
 * middle of its upload, too. Whoever asks for events expects pauses, and an upload may have some. Since 2.9 an answer
 * that has begun may pause as it likes.
 */
function waiting({ responseTimeout }: Site): string[] {
  const upload = asTime(Math.max(responseTimeout, 120_000));
  return [
    `timeout server ${asTime(responseTimeout)}`,
    `http-request set-timeout server ${upload} if { req.body_size gt 16384 }`,
    `http-request set-timeout server ${ever} if { req.hdr(accept) -m sub -i -- text/event-stream }`,
    ".if version_atleast(2.9)",
    `http-response set-timeout server ${ever}`,
    ".endif",
  ];
}

/**
 * Where a worker listens for those of its predecessors' requests that have nowhere else to go: each worker takes this
 * file's place. Not an abstract socket: where a new worker does not start, the old one could not open it again.
 */
function successor({ id }: Site): string {
  return `unix@/run/envctl-successor-${digestOf(id).slice("sha256:".length, "sha256:".length + 16)}`;
}

/**
 * A connection that a client opened, or kept, before a switch stays with the old worker, and so does a request that comes
 * over it when the old containers are gone. The first that is not connected marks its server down; from then on, and
 * for that one at its second try, the new worker takes them. Servers are looked after only while they are down.
 */
function servers(site: Site): string[] {
  const watched = "check inter 1h fastinter 1s downinter 1s rise 1 observe layer4 error-limit 1 on-error mark-down";
  const chosen = weighed(site);
  return [
    ...chosen.map(({ upstream, weight }, index) => `${server(upstream, index)} weight ${weight} ${watched}`),
    `server ${successorName} ${successor(site)} send-proxy-v2 backup`,
  ];
}

/** What an old worker hands over has been through its rules already. Here nobody hands on: that would go round for ever. */
export function successorSection(site: Site): string[] {
  const lines = site.maintenance
    ? [`http-request return ${page(503, site.maintenancePage, maintenanceText)} hdr Retry-After 30`]
    : [
        ...errorPages(site),
        ...waiting(site),
        ...weighed(site).map(({ upstream, weight }, index) => `${server(upstream, index)} weight ${weight}`),
      ];
  return [
    `listen ${sectionOf(site, "succeeds")}`,
    ...[`bind ${successor(site)} accept-proxy uid 99 mode 600`, "http-request set-log-level silent", ...lines].map(
      (line) => `  ${line}`,
    ),
  ];
}

function server({ name, port }: Upstream, index: number): string {
  return `server ${serverName(name, index)} ${quoted(`${name}:${port}`)}`;
}
