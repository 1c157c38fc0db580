import { EnvctlError, ExitCode, messageOf } from "../base/errors.ts";
import { type ContainerSpec, type Engine, Label, type Labels, type ObservedContainer } from "../engine/engine.ts";
import { proxyNetwork, proxyVolume } from "../plan/naming.ts";
import { isRunning } from "../plan/observed.ts";
import type { DesiredProxy } from "../plan/proxies.ts";
import { proxyDriver } from "../proxy/drivers.ts";
import { type ProxyDriver, proxyFolder } from "../proxy/proxy.ts";
import { untilRevision } from "./proxy-revision.ts";
import { readSites } from "./proxy-state.ts";

/** Bytes of the access log that a host keeps. */
const logLimit = 64 * 1024 * 1024;
const stopGrace = 10_000;
/** The revision of a proxy that serves nothing yet. */
const firstRevision = "0";

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
  if (found) {
    await engine.stopContainer(found.id, found.stopGrace, signal);
    await engine.removeContainer(found.id, signal);
  }
  const networks = Object.keys(found?.networks ?? {}).filter((network) => network !== proxyNetwork);
  await create(engine, proxy, driver, { image: how.image, networks }, signal);
}

async function create(
  engine: Engine,
  proxy: DesiredProxy,
  driver: ProxyDriver,
  how: { readonly image: string; readonly networks: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  for (const mount of mountsOf(proxy, driver)) await engine.ensureVolume(mount.source, labelsOf(proxy), signal);
  const specification = specificationOf(proxy, driver, how.image);
  const attempt = async (spec: ContainerSpec) => {
    const id = await engine.createContainer(spec, signal);
    try {
      await configure(engine, id, driver, signal);
      // Before it starts: what it served is reached from its first moment on.
      for (const network of how.networks) await engine.connectNetwork(network, id, signal);
      await startIt(engine, proxy.name, signal);
    } catch (error) {
      await engine.removeContainer(id, AbortSignal.timeout(30_000));
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
 * Writes what a proxy starts with. Its volume may be older than the container: then what it served goes on. The list of
 * sites is always whole, and the configuration is made of it anew: the one that is there may be half a file, where the
 * disk was full when it was written.
 */
async function configure(engine: Engine, id: string, driver: ProxyDriver, signal: AbortSignal): Promise<void> {
  const sites = await readSites(engine, id, signal);
  await engine.writeFiles(id, [{ path: driver.file, content: driver.render(sites, firstRevision) }], signal);
}

async function startIt(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  await engine.startContainer(id, signal);
  await untilRevision(engine, id, undefined, signal);
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

function requireSame(found: ObservedContainer, proxy: DesiredProxy, host: string): void {
  const driver = found.labels[Label.proxyDriver];
  if (found.labels[Label.role] === "proxy" && driver === proxy.driver) return;
  throw new EnvctlError({
    code: "proxy-differs",
    exitCode: ExitCode.failed,
    what:
      driver === undefined
        ? `the name ${proxy.name} is taken by a container that is no proxy of envctl's`
        : `the proxy ${proxy.name} is ${driver}, and this stage asks for ${proxy.driver}`,
    where: host,
    state: "nothing was switched",
    next:
      driver === undefined
        ? `rename that container: docker rename ${proxy.name} another-name`
        : `set \`proxy.driver: ${driver}\`, give this stage other ports (\`proxy.http_port\`, \`proxy.https_port\`), or remove the proxy: envctl proxy remove`,
  });
}
