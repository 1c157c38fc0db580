import { X509Certificate } from "node:crypto";
import { formatDuration } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import type { HostAddress } from "../base/host.ts";
import { type Engine, Label, type ObservedContainer, type PortMapping } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { isRunning } from "../plan/observed.ts";
import { certificateFile, type Site } from "../proxy/proxy.ts";
import { liveRevision } from "../rollout/proxy-revision.ts";
import { type FoundProxy, findProxies } from "../rollout/proxy-state.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { askHost } from "./ask-host.ts";

/** A certificate that ends sooner than this is warned of. Milliseconds. */
const soon = 14 * 24 * 3_600_000;

export interface SiteStatus {
  readonly site: Site;
  /** Ports of the host that serve it, where it has no domains. */
  readonly publishedPorts: readonly number[];
  /** Until when the user's own certificate holds; undefined where there is none, or none that can be read. */
  readonly certificateExpires: Date | undefined;
}

export interface ProxyStatus {
  readonly name: string;
  readonly driver: string;
  readonly image: string;
  readonly state: string;
  readonly since: Date | undefined;
  readonly ports: readonly PortMapping[];
  readonly sites: readonly SiteStatus[];
  /** True where the proxy itself says that it serves what it was told last; undefined where it cannot be asked. */
  readonly live: boolean | undefined;
  /** What a person should know. */
  readonly warnings: readonly string[];
}

export interface ProxyHostStatus {
  readonly host: string;
  readonly unreachable: string | undefined;
  readonly proxies: readonly ProxyStatus[];
}

/** Every proxy on the hosts of these stages, whosever sites it serves; all hosts at once. */
export async function readProxies(
  workspace: Workspace,
  stages: readonly Stage[],
  hostTimeout: number,
): Promise<ProxyHostStatus[]> {
  const hosts = new Map<string, HostAddress>();
  for (const stage of stages) for (const host of stage.hosts) hosts.set(host.name, host);
  const now = workspace.clock.now();
  return await Promise.all(
    [...hosts.values()].map(async (host): Promise<ProxyHostStatus> => {
      const answered = await askHost(workspace, host, hostTimeout, async (engine, signal) => {
        const found = await findProxies(engine, signal);
        return await Promise.all(found.map((proxy) => proxyStatus(engine, proxy, now, signal)));
      });
      if ("unreachable" in answered) return { host: host.name, unreachable: answered.unreachable, proxies: [] };
      return { host: host.name, unreachable: undefined, proxies: answered.answer };
    }),
  );
}

async function proxyStatus(engine: Engine, found: FoundProxy, now: Date, signal: AbortSignal): Promise<ProxyStatus> {
  const { container, sites, problem } = found;
  const [live, statuses] = await Promise.all([
    problem === undefined ? askLive(engine, found, signal) : { live: undefined, warnings: [problem] },
    Promise.all(sites.map((site) => siteStatus(engine, container, site, signal))),
  ]);
  return {
    name: container.name,
    driver: container.labels[Label.proxyDriver] ?? "unknown",
    image: container.imageReference,
    state: container.state,
    since: isRunning(container) ? container.startedAt : undefined,
    ports: container.ports,
    sites: statuses,
    live: live.live,
    warnings: [...live.warnings, ...statuses.flatMap((status) => expiryWarning(status, now))],
  };
}

async function askLive(engine: Engine, { container, revision: told }: FoundProxy, signal: AbortSignal) {
  if (!isRunning(container)) {
    return { live: false, warnings: [`it is ${container.state}: clients reach nothing; start it: envctl up`] };
  }
  try {
    const live = await liveRevision(engine, container, signal);
    if (live === undefined || live === told) return { live: live === undefined ? undefined : true, warnings: [] };
    const mend = "make it so: envctl proxy reload";
    return { live: false, warnings: [`what is live (${live}) is not what it was told last (${told}); ${mend}`] };
  } catch (error) {
    signal.throwIfAborted();
    return { live: false, warnings: [`it does not answer: ${messageOf(error)}`] };
  }
}

async function siteStatus(
  engine: Engine,
  container: ObservedContainer,
  site: Site,
  signal: AbortSignal,
): Promise<SiteStatus> {
  const published = container.ports.filter((port) => site.ports.includes(port.containerPort));
  return {
    site,
    publishedPorts: published.map(({ hostPort }) => hostPort),
    certificateExpires: site.tls.kind === "own" ? await expiryOf(engine, container, site, signal) : undefined,
  };
}

async function expiryOf(engine: Engine, container: ObservedContainer, site: Site, signal: AbortSignal) {
  const content = await engine.readFile(container.id, certificateFile(site), signal);
  try {
    return content && new Date(new X509Certificate(content).validTo);
  } catch {
    return undefined;
  }
}

function expiryWarning({ site, certificateExpires }: SiteStatus, now: Date): string[] {
  if (site.tls.kind !== "own") return [];
  if (certificateExpires === undefined) {
    return [`the certificate of ${site.id} cannot be read; bring it anew: envctl up ${site.stage}`];
  }
  const left = certificateExpires.getTime() - now.getTime();
  if (left > soon) return [];
  const when = left > 0 ? `ends in ${formatDuration(left)}` : `ended ${formatDuration(-left)} ago`;
  return [
    `the certificate of ${site.id} (${site.domains.join(", ")}) ${when}; bring a new one: envctl up ${site.stage}`,
  ];
}
