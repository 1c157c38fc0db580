import { milliseconds } from "../../base/duration.ts";
import type { ProxyHostStatus, ProxyStatus, SiteStatus } from "../../promotion/proxy-status.ts";
import { readProxies } from "../../promotion/proxy-status.ts";
import { findStage } from "../../rollout/workspace.ts";
import { readDuration } from "../read-duration.ts";
import { type Context, type OptionValues, type Outcome, text } from "../verb.ts";
import { renderProxies } from "../view/proxies.ts";
import { withWorkspace } from "../workspace.ts";

const hostTimeout = milliseconds(10_000);

export async function proxyStatus(context: Context, name: string | undefined, options: OptionValues): Promise<Outcome> {
  const limit = readDuration("--host-timeout", text(options, "hostTimeout")) ?? hostTimeout;
  return await withWorkspace(context, name, async (workspace) => {
    const { environment } = workspace;
    const stages = name === undefined ? environment.stages : [findStage(environment, name)];
    const hosts = await readProxies(workspace, stages, limit);
    return {
      json: {
        verb: "proxy",
        action: "status",
        environment: environment.name,
        stage: name ?? null,
        hosts: hosts.map(hostDocument),
      },
      text: renderProxies(environment.name, hosts, context, workspace.clock.now()),
    };
  });
}

function hostDocument(host: ProxyHostStatus) {
  return {
    host: host.host,
    reachable: host.unreachable === undefined,
    ...(host.unreachable === undefined ? {} : { reason: host.unreachable }),
    proxies: host.proxies.map(proxyDocument),
  };
}

function proxyDocument(proxy: ProxyStatus) {
  return {
    ...proxy,
    since: proxy.since?.toISOString() ?? null,
    live: proxy.live ?? null,
    sites: proxy.sites.map(siteDocument),
  };
}

function siteDocument({ site, publishedPorts, certificateExpires }: SiteStatus) {
  const { id, environment, stage, release, domains, path, upstreams, canary, maintenance, tls } = site;
  return {
    id,
    environment,
    stage,
    release,
    domains,
    path,
    ports: publishedPorts,
    upstreams: upstreams.map((upstream) => `${upstream.name}:${upstream.port}`),
    canary: canary
      ? { weight: canary.weight, upstreams: canary.upstreams.map((upstream) => `${upstream.name}:${upstream.port}`) }
      : null,
    maintenance,
    tls: tls.kind,
    certificateExpires: certificateExpires?.toISOString() ?? null,
  };
}
