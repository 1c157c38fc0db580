import { digestOf } from "../base/digest.ts";
import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { type Engine, Label, type ObservedContainer } from "../engine/engine.ts";
import { canonicalJson } from "../plan/desired.ts";
import { type ProxyState, servedSites } from "../plan/turns.ts";
import { proxyFolder, type Site, turnedFolder } from "../proxy/proxy.ts";
import { canTurn, type Turn, turnFile, turnFolder, turnFrom } from "../proxy/turn.ts";

/** What a proxy serves, as envctl told it last: on the proxy's own volume, so that it is there after a reboot. */
export const sitesFile = `${proxyFolder}/sites.json`;

/** What it is about to serve. */
export const nextSitesFile = `${proxyFolder}/sites.next.json`;

/** Labels of every proxy, whichever stages it serves. */
export const proxyLabels = { [Label.role]: "proxy" } as const;

/** What the configuration of these sites is told apart by. */
export function configurationOf(sites: readonly Site[]): string {
  return digestOf(canonicalJson(sites)).slice("sha256:".length, "sha256:".length + 16);
}

/** By which a proxy says that this is what it serves (`ProxyDriver.render`). */
export function revisionOf({ sites, turned }: ProxyState): string {
  const turns = sites.filter(canTurn).flatMap(({ id }) => {
    const turn = turned.get(id);
    return turn ? [`${id}/${turnFile(turn)}`] : [];
  });
  return [configurationOf(sites), ...turns].join("+");
}

/** A proxy as it is found, whatever state its files are in. */
export interface FoundProxy {
  readonly container: ObservedContainer;
  /** As clients have them. */
  readonly sites: readonly Site[];
  /** By which it says that it serves them. */
  readonly revision: string;
  /** Why the sites cannot be told; then there are none. */
  readonly problem: string | undefined;
}

/** All proxies of a host; one whose state cannot be read keeps nobody from seeing the others. */
export async function findProxies(engine: Engine, signal?: AbortSignal): Promise<FoundProxy[]> {
  const containers = await engine.containers(proxyLabels, signal);
  return await Promise.all(
    containers.map(async (container): Promise<FoundProxy> => {
      try {
        const state = await readState(engine, container.id, signal);
        return { container, sites: servedSites(state), revision: revisionOf(state), problem: undefined };
      } catch (error) {
        if (!(error instanceof EnvctlError) || error.code !== "proxy-state-invalid") throw error;
        return { container, sites: [], revision: "", problem: error.message };
      }
    }),
  );
}

/** What a proxy was told last. Throws `proxy-state-invalid` where the file is not what envctl writes. */
export async function readState(engine: Engine, container: string, signal?: AbortSignal): Promise<ProxyState> {
  const [sites, files] = await Promise.all([
    readSites(engine, container, signal),
    engine.readFiles(container, turnedFolder, signal),
  ]);
  const names = [...(files?.keys() ?? [])].sort();
  const turned = sites.filter(canTurn).flatMap((site): [string, Turn][] => {
    const folder = `${turnFolder(site)}/`;
    // Of two that a run left which was killed, the proxy takes the first.
    const turn = turnFrom(names.find((name) => name.startsWith(folder))?.slice(folder.length) ?? "");
    return turn ? [[site.id, turn]] : [];
  });
  return { sites, turned: new Map(turned) };
}

async function readSites(engine: Engine, container: string, signal: AbortSignal | undefined): Promise<Site[]> {
  const content = await engine.readFile(container, sitesFile, signal);
  if (content === undefined) return [];
  try {
    const sites: unknown = JSON.parse(Buffer.from(content).toString("utf8"));
    if (areSites(sites)) return sites;
    throw new TypeError("it is no list of sites");
  } catch (error) {
    throw new EnvctlError({
      code: "proxy-state-invalid",
      exitCode: ExitCode.needsPerson,
      what: `${sitesFile} of the proxy cannot be read: ${messageOf(error)}`,
      where: `${engine.name}, container ${container}`,
      state: "the proxy still serves what it served",
      next: "envctl proxy remove, and then envctl up for each stage that it serves",
    });
  }
}

/** Whether it is a list of sites, as far as they are looked at here. */
export function areSites(value: unknown): value is Site[] {
  return Array.isArray(value) && value.every(isSite);
}

/** The file is ours alone: what is checked is that it is whole and of this format, not every field. */
function isSite(value: unknown): value is Site {
  if (typeof value !== "object" || value === null) return false;
  const { id, domains, ports, upstreams } = value as Partial<Record<keyof Site, unknown>>;
  return typeof id === "string" && Array.isArray(domains) && Array.isArray(ports) && Array.isArray(upstreams);
}
