import type { PortMapping } from "../engine/engine.ts";
import type { Stage, StageProxy } from "../environment/model.ts";
import type { ProxyDriverName, Site, SiteTls, Upstream } from "../proxy/proxy.ts";
import type { Release } from "../release/release.ts";
import { ownProxyName, sharedProxyName, siteId } from "./naming.ts";

/** A proxy that a stage needs on each of its hosts. */
export interface DesiredProxy {
  readonly name: string;
  readonly driver: ProxyDriverName;
  readonly ports: readonly PortMapping[];
  /** The stage it belongs to; undefined for one that all stages with the same ports share. */
  readonly owner: { readonly environment: string; readonly stage: string } | undefined;
}

/** A proxy, and what it is to serve of a stage. */
export interface DesiredSite {
  readonly proxy: DesiredProxy;
  readonly site: Site;
}

/** Inside the proxy's container: published ports may be any, those of the proxy's own included. */
const firstInnerPort = 8000;

/** The proxies of a stage: a shared one for its domains, one of its own for the ports it publishes. */
function desiredProxies(place: { readonly environment: string; readonly stage: string }, stage: Stage) {
  const { proxy } = stage;
  if (!proxy) return [];
  const { environment } = place;
  const owner = { environment, stage: stage.name };
  const list: DesiredProxy[] = [];
  if (proxy.domains.length > 0) list.push(sharedProxy(proxy));
  if (proxy.ports.length > 0) {
    const ports = proxy.ports.map((port, index) => ({ ...port, containerPort: firstInnerPort + index }));
    list.push({ name: ownProxyName(owner), driver: proxy.driver, ports, owner });
  }
  return list;
}

function sharedProxy({ driver, httpPort, httpsPort }: StageProxy): DesiredProxy {
  const port = (hostPort: number, containerPort: number): PortMapping => ({
    address: undefined,
    hostPort,
    containerPort,
    protocol: "tcp",
  });
  return {
    name: sharedProxyName(httpPort, httpsPort),
    driver,
    ports: [port(httpPort, 80), port(httpsPort, 443)],
    owner: undefined,
  };
}

/**
 * What each proxy of a stage is to serve, given the containers that run the release, each with the port that it listens
 * on where that is known.
 */
export function desiredSites(
  place: { readonly environment: string; readonly stage: string },
  stage: Stage,
  running: {
    readonly release: Pick<Release, "name">;
    readonly upstreams: readonly { readonly name: string; readonly port?: number | undefined }[];
  },
  certificate: string | undefined,
): DesiredSite[] {
  const { proxy: settings } = stage;
  if (!settings) return [];
  const upstreams = running.upstreams.map(({ name, port }): Upstream => ({ name, port: port ?? settings.appPort }));
  return desiredProxies(place, stage).map((proxy) => {
    const own = proxy.owner !== undefined;
    const site: Site = {
      id: siteId({ ...place, stage: stage.name }),
      environment: place.environment,
      stage: stage.name,
      release: running.release.name,
      domains: own ? [] : settings.domains,
      path: settings.path,
      stripPath: settings.stripPath,
      ports: own ? proxy.ports.map((port) => port.containerPort) : [],
      tls: own ? { kind: "off" } : siteTls(settings, certificate),
      httpsPort: settings.httpsPort,
      upstreams,
      canary: undefined,
      maintenance: false,
      maintenancePage: settings.maintenancePage,
      errorPage: settings.errorPage,
      maxBody: settings.maxBody,
      responseTimeout: settings.responseTimeout,
      drain: settings.drain,
      accessLog: settings.accessLog,
      ...(settings.trustedProxies.length > 0 ? { trustedProxies: settings.trustedProxies } : {}),
    };
    return { proxy, site };
  });
}

function siteTls({ tls }: StageProxy, certificate: string | undefined): SiteTls {
  if (tls.kind === "own") return { kind: "own", fingerprint: certificate ?? "" };
  return tls;
}
