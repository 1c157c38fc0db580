import { formatDuration } from "../../base/duration.ts";
import type { ProxyHostStatus, ProxyStatus, SiteStatus } from "../../promotion/proxy-status.ts";
import type { Context } from "../verb.ts";
import type { Paint } from "./paint.ts";
import { type Cell, renderTable } from "./table.ts";

/** Each host with its proxies, under each proxy whom it serves, and at the end what a person should know. */
export function renderProxies(
  environment: string,
  hosts: readonly ProxyHostStatus[],
  { paint, width }: Pick<Context, "paint" | "width">,
  now: Date,
): string {
  const head = ["HOST", "PROXY", "IMAGE", "STATE", "SINCE", "PORTS"];
  const proxies = renderTable(
    head,
    hosts.flatMap((host) => hostRows(host, now)),
    paint,
    width,
  );
  const rows = hosts.flatMap((host) => host.proxies.flatMap((proxy) => siteRows(host, proxy, environment)));
  const sites = renderTable(["HOST", "SERVES", "STAGE", "RELEASE", "BY", "TLS", "NOW"], rows, paint, width);
  return [
    paint("bold", environment),
    proxies,
    ...(rows.length > 0 ? ["", sites] : []),
    ...hosts.flatMap((host) => notes(host, paint)),
  ].join("\n");
}

function hostRows(host: ProxyHostStatus, now: Date): Cell[][] {
  if (host.unreachable !== undefined) return [[host.host, "", "", { text: "out of reach", style: "red" }, "", ""]];
  if (host.proxies.length === 0) return [[host.host, { text: "none", style: "dim" }, "", "", "", ""]];
  return host.proxies.map((proxy, index): Cell[] => [
    index === 0 ? host.host : "",
    proxy.name,
    imageText(proxy),
    stateCell(proxy),
    proxy.since ? formatDuration(Math.max(0, now.getTime() - proxy.since.getTime())) : "",
    [...new Set(proxy.ports.map(({ hostPort }) => hostPort))].sort((left, right) => left - right).join(", "),
  ]);
}

/** Its digest is for scripts; which program it is says the driver. */
function imageText({ driver, image }: ProxyStatus): string {
  const [name = "", digest] = image.split("@sha256:");
  return `${driver} (${digest === undefined ? name : `${name.replace(/^docker\.io\/library\//, "")} ${digest.slice(0, 7)}`})`;
}

function stateCell(proxy: ProxyStatus): Cell {
  if (proxy.state !== "running") return { text: proxy.state, style: "red" };
  if (proxy.live === false) return { text: "not as told", style: "yellow" };
  return { text: "running", style: "green" };
}

function siteRows(host: ProxyHostStatus, proxy: ProxyStatus, environment: string): Cell[][] {
  return proxy.sites.map((status): Cell[] => {
    const { site } = status;
    const stage = site.environment === environment ? site.stage : `${site.stage} (${site.environment})`;
    return [host.host, addressOf(status), stage, site.release, upstreamsOf(status), tlsOf(status), nowOf(status)];
  });
}

function addressOf({ site, publishedPorts }: SiteStatus): string {
  const path = site.path === "/" ? "" : site.path;
  const names = site.domains.length > 0 ? site.domains : publishedPorts.map((port) => `port ${port}`);
  return names.map((name) => `${name}${path}`).join(", ");
}

function upstreamsOf({ site }: SiteStatus): string {
  return site.upstreams.map(({ name, port }) => `${name}:${port}`).join(", ") || "nothing";
}

function tlsOf({ site, certificateExpires }: SiteStatus): string {
  const until = certificateExpires ? ` until ${certificateExpires.toISOString().slice(0, 10)}` : "";
  return `${site.tls.kind}${until}`;
}

function nowOf({ site }: SiteStatus): Cell {
  if (site.maintenance) return { text: "maintenance", style: "yellow" };
  if (!site.canary) return { text: "serving", style: "green" };
  const names = site.canary.upstreams.map(({ name }) => name).join(", ");
  return { text: `canary: ${site.canary.weight}% to ${names}`, style: "yellow" };
}

function notes(host: ProxyHostStatus, paint: Paint): string[] {
  const mark = paint("yellow", "!");
  if (host.unreachable !== undefined) return [`${mark} ${host.host}: ${host.unreachable}`];
  return host.proxies.flatMap((proxy) =>
    proxy.warnings.map((warning) => `${mark} ${host.host} ${proxy.name}: ${warning}`),
  );
}
