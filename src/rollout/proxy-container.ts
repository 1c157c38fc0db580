import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import { type ContainerSpec, type Engine, Label, type Labels, type ObservedContainer } from "../engine/engine.ts";
import { networkName, proxyNetwork, proxyVolume } from "../plan/naming.ts";
import { isRunning } from "../plan/observed.ts";
import type { DesiredProxy } from "../plan/proxies.ts";
import { servedSites } from "../plan/turns.ts";
import { proxyDriver } from "../proxy/drivers.ts";
import { type ProxyDriver, proxyFolder, type Site } from "../proxy/proxy.ts";
import { untilRevision } from "./proxy-revision.ts";
import { configurationOf, readState, sitesFile } from "./proxy-state.ts";

/** Bytes of the access log that a host keeps. */
const logLimit = 64 * 1024 * 1024;
const stopGrace = 10_000;

/** Makes a proxy's container unless it is there, starts it, and waits until it answers. To be called while it is locked. */
export async function ensureProxyContainer(
  engine: Engine,
  proxy: DesiredProxy,
  how: { readonly image: string; readonly replaces: boolean },
  signal: AbortSignal,
): Promise<void> {
  const driver = await proxyDriver(proxy.driver);
  const found = await engine.container(proxy.name, signal);
  if (found && !how.replaces) {
    requireSame(found, proxy, engine.name);
    if (isRunning(found)) return;
    // Whoever made it may have been killed before it was told anything.
    if (found.startedAt === undefined) await configure(engine, found.id, driver, signal);
    return await startIt(engine, proxy.name, signal);
  }
  const networks = Object.keys(found?.networks ?? {});
  const attempt = (image: string) => create(engine, proxy, driver, image, networks, signal);
  if (!found) return await attempt(how.image);
  requireOurs(found, proxy.name, engine.name);
  await engine.stopContainer(found.id, found.stopGrace, signal);
  await engine.removeContainer(found.id, signal);
  try {
    await attempt(how.image);
  } catch (error) {
    // Better the one that did than none.
    if (found.labels[Label.proxyDriver] !== proxy.driver) throw error;
    await create(engine, { ...proxy, ports: found.ports }, driver, found.imageReference, networks, comingBack());
    throw error instanceof EnvctlError ? error.with({ state: "the proxy that was there before serves again" }) : error;
  }
}

/** An interruption must not leave the host without its proxy. */
function comingBack(): AbortSignal {
  return timeLimit(60_000);
}

async function create(
  engine: Engine,
  proxy: DesiredProxy,
  driver: ProxyDriver,
  image: string,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const mount of mountsOf(proxy, driver)) await engine.ensureVolume(mount.source, labelsOf(proxy), signal);
  const specification = specificationOf(proxy, driver, image);
  const attempt = async (spec: ContainerSpec) => {
    const id = await engine.createContainer(spec, signal);
    try {
      const sites = await configure(engine, id, driver, signal);
      // Before it starts: what it served is reached from its first moment on.
      for (const network of await networksOf(engine, sites, networks, signal)) {
        await engine.connectNetwork(network, id, signal);
      }
      await startIt(engine, proxy.name, signal);
    } catch (error) {
      await engine.removeContainer(id, timeLimit(30_000));
      throw error;
    }
  };
  try {
    await attempt(specification);
  } catch (error) {
    // A kernel that is too old for the parameter: a reload may then lose a connection that was about to be accepted.
    if (signal.aborted || !driver.sysctls || !/sysctl|tcp_migrate_req/.test(messageOf(error))) throw error;
    const { sysctls, ...without } = specification;
    await attempt(without);
  }
}

/**
 * Writes what a proxy starts with, and returns what it serves. Its volume may be older than the container: then what it
 * served goes on, whichever program served it. The list of sites is always whole, and the configuration is made of it
 * anew: the one that is there may be half a file, where the disk was full when it was written.
 */
async function configure(
  engine: Engine,
  id: string,
  driver: ProxyDriver,
  signal: AbortSignal,
): Promise<readonly Site[]> {
  const state = await readState(engine, id, signal);
  const sites = driver.turns ? state.sites : servedSites(state);
  const files = [{ path: driver.file, content: driver.render(sites, configurationOf(sites)), mode: 0o600 }];
  // The list first: of two that differ, a proxy that was killed in between is given the configuration anew.
  if (!driver.turns && state.sites.some(({ turns }) => turns !== undefined))
    files.unshift({ path: sitesFile, content: JSON.stringify(sites), mode: 0o600 });
  await engine.writeFiles(id, files, signal);
  return sites;
}

/** Those of the container before, and, where somebody removed that one, those of the stages that it served. */
async function networksOf(
  engine: Engine,
  sites: readonly Site[],
  before: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const present = await engine.networks({ [Label.role]: "network" }, signal);
  const wanted = new Set([...before, ...sites.map(networkName)]);
  return present.map(({ name }) => name).filter((name) => wanted.has(name) && name !== proxyNetwork);
}

async function startIt(engine: Engine, name: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.startContainer(name, signal);
  } catch (error) {
    // Whoever took the last proxy away meanwhile took the network, too: nothing that runs was on it.
    if (!(error instanceof EnvctlError) || error.code !== "not-found" || !error.message.includes(proxyNetwork))
      throw error;
    await engine.ensureNetwork(proxyNetwork, { [Label.role]: "network" }, signal);
    await engine.startContainer(name, signal);
  }
  await untilRevision(engine, name, undefined, signal);
}

function specificationOf(proxy: DesiredProxy, driver: ProxyDriver, image: string): ContainerSpec {
  return {
    name: proxy.name,
    image,
    command: driver.command,
    entrypoint: [],
    user: "0:0",
    env: {},
    labels: labelsOf(proxy),
    ports: proxy.ports,
    mounts: mountsOf(proxy, driver),
    network: proxyNetwork,
    aliases: [],
    stopSignal: undefined,
    stopGrace,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "unless-stopped",
    logLimit,
    ...(driver.sysctls ? { sysctls: driver.sysctls } : {}),
  };
}

function mountsOf(proxy: DesiredProxy, driver: ProxyDriver) {
  const volumes = { [proxyFolder]: "envctl", ...driver.volumes };
  return Object.entries(volumes).map(([target, purpose]) => ({
    kind: "volume" as const,
    source: proxyVolume(proxy.name, purpose),
    target,
    readOnly: false,
  }));
}

/** A stage's own proxy goes with the stage; one that stages share belongs to none of them. */
function labelsOf({ driver, owner }: Pick<DesiredProxy, "driver" | "owner">): Labels {
  return {
    [Label.role]: "proxy",
    [Label.proxyDriver]: driver,
    ...(owner ? { [Label.environment]: owner.environment, [Label.stage]: owner.stage } : {}),
  };
}

/** A container of the user's that happens to have the name is left alone. */
function requireOurs(found: ObservedContainer, name: string, host: string): void {
  if (found.labels[Label.role] === "proxy") return;
  throw new EnvctlError({
    code: "proxy-name-taken",
    exitCode: ExitCode.failed,
    what: `the name ${name} is taken by a container that is no proxy of envctl's`,
    where: host,
    state: "nothing was switched",
    next: `rename that container: docker rename ${name} another-name`,
  });
}

function requireSame(found: ObservedContainer, proxy: DesiredProxy, host: string): void {
  requireOurs(found, proxy.name, host);
  const driver = found.labels[Label.proxyDriver];
  if (driver === proxy.driver) return;
  throw new EnvctlError({
    code: "proxy-differs",
    exitCode: ExitCode.failed,
    what: `the proxy ${proxy.name} is ${driver}, and this stage asks for ${proxy.driver}`,
    where: host,
    state: "nothing was switched",
    next: `set \`proxy.driver: ${driver}\`, or give this stage other ports (\`proxy.http_port\`, \`proxy.https_port\`)`,
  });
}
