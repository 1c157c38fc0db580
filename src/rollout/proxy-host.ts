import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { capture } from "../engine/capture.ts";
import { type ContainerFile, type Engine, Label, type ObservedContainer } from "../engine/engine.ts";
import { proxyNetwork } from "../plan/naming.ts";
import { isRunning } from "../plan/observed.ts";
import type { DesiredProxy } from "../plan/proxies.ts";
import { clashOf } from "../plan/site-conflicts.ts";
import { isProxyDriver, proxyDriver } from "../proxy/drivers.ts";
import { certificateFile, keyFile, type ProxyDriver, type ProxyDriverName, type Site } from "../proxy/proxy.ts";
import { activationCommand, activationInput, isUnwritten } from "./activation.ts";
import type { Certificate } from "./certificate.ts";
import { currentSites, rememberSites, serves } from "./known-sites.ts";
import { ensureProxyContainer } from "./proxy-container.ts";
import { whileProxyLocked } from "./proxy-lock.ts";
import { untilRevision } from "./proxy-revision.ts";
import { readSites, revisionOf, sitesFile } from "./proxy-state.ts";
import type { ReadyCommands } from "./ready-commands.ts";
import { removeProxy } from "./remove-proxy.ts";

export interface ProxyHostOptions {
  readonly engine: Engine;
  /** Of this engine's containers. */
  readonly commands: ReadyCommands;
  readonly clock: Clock;
  /** Brings a driver's image to the host and returns the reference to create containers with; undefined where none is made. */
  readonly bringImage:
    | ((driver: ProxyDriverName, progress: Progress, signal: AbortSignal) => Promise<string>)
    | undefined;
  /** The user's own certificate for the stage's domains. */
  readonly certificate: Certificate | undefined;
  /** What is being done, for whoever has to wait for the proxy. */
  readonly why: string;
}

/** The proxies of one host, and the changes that a rollout makes to them. */
export class ProxyHost {
  readonly #options: ProxyHostOptions;

  constructor(options: ProxyHostOptions) {
    this.#options = options;
  }

  /** Makes the proxy unless it is there, and waits until it serves. */
  async ensure(proxy: DesiredProxy, replaces: boolean, progress: Progress, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    const image = await this.#options.bringImage?.(proxy.driver, progress, signal);
    if (image === undefined) throw new RangeError(`no image for ${proxy.name}`);
    await engine.ensureNetwork(proxyNetwork, { [Label.role]: "network" }, signal);
    await this.#locked(proxy.name, signal, () => ensureProxyContainer(engine, proxy, { image, replaces }, signal));
  }

  async join(proxy: string, network: string, signal: AbortSignal): Promise<void> {
    await this.#options.engine.connectNetwork(network, proxy, signal);
  }

  /**
   * Lets the proxy serve this site as given, or no more; what it serves of others stays. Resolves once it is live.
   * Throws `proxy-refused` where the proxy will not have it: then it serves as before, and needs nothing to go back to it.
   */
  async route(proxy: string, id: string, site: Site | undefined, signal: AbortSignal): Promise<void> {
    await this.#locked(proxy, signal, async () => {
      const container = await this.#running(proxy, signal);
      const sites = await currentSites(this.#options.engine, container, signal);
      const others = sites.filter((other) => other.id !== id);
      const next = site ? [...others, site].sort((left, right) => (left.id < right.id ? -1 : 1)) : others;
      if (revisionOf(next) === revisionOf(sites) && (await serves(this.#options.engine, container, next, signal)))
        return;
      await this.#serve(container, next, site, signal);
      const before = sites.find((other) => other.id === id);
      if (before?.tls.kind === "own" && site?.tls.kind !== "own") await this.#dropCertificates(container, id, signal);
    });
  }

  /**
   * Renders what the proxy was told anew, and makes it live: after an upgrade of envctl, or what somebody changed by hand.
   * `id` is the site whose certificate is written anew, too, if it is the one that the proxy was told of.
   */
  async reload(proxy: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#locked(proxy, signal, async () => {
      const container = await this.#running(proxy, signal);
      const sites = await readSites(this.#options.engine, container.id, signal);
      const own = sites.find((site) => site.id === id);
      await this.#serve(container, sites, own, signal);
    });
  }

  /** Takes the site of a stage out of a proxy that may be gone or stopped. */
  async forget(proxy: string, id: string, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    const container = await engine.container(proxy, signal);
    if (!container) return;
    if (isRunning(container)) return await this.route(proxy, id, undefined, signal);
    await this.#locked(proxy, signal, async () => {
      const driver = await driverOf(container, engine.name);
      const sites = (await readSites(engine, container.id, signal)).filter((site) => site.id !== id);
      // What it will start with.
      const files = [
        { path: driver.file, content: driver.render(sites, revisionOf(sites)), mode: 0o600 },
        { path: sitesFile, content: JSON.stringify(sites), mode: 0o600 },
      ];
      await engine.writeFiles(container.id, files, signal);
    });
  }

  /** Removes a proxy that serves nobody any more; one that serves somebody by now stays, unless `inUse` is set. */
  async remove(
    proxy: { readonly id: string; readonly name: string; readonly stopGrace: number },
    options: { readonly certificates: boolean; readonly inUse?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { engine } = this.#options;
    await this.#locked(proxy.name, signal, async () => {
      const found = await engine.container(proxy.id, signal);
      const shared = found && found.labels[Label.stage] === undefined;
      if (shared && !options.inUse && (await readSites(engine, proxy.id, signal)).length > 0) return;
      await removeProxy(engine, proxy, signal, options);
    });
  }

  async #serve(
    container: ObservedContainer,
    sites: readonly Site[],
    changed: Site | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine } = this.#options;
    const driver = await driverOf(container, engine.name);
    for (const site of sites) this.#requireServable(driver, site, sites, container);
    const revision = revisionOf(sites);
    await engine.writeFiles(container.id, this.#certificates(changed), signal);
    const configuration = driver.render(sites, revision);
    const input = activationInput(JSON.stringify(sites), configuration);
    const { exitCode, stderr } = await this.#options.commands.run(
      container.name,
      activationCommand(driver),
      input,
      signal,
    );
    if (exitCode !== 0) {
      const evidence = stderr.trim().split("\n");
      if (isUnwritten(exitCode)) throw this.#unwritten(container, evidence);
      throw this.#refused(container, `${driver.name} does not take its new configuration`, evidence);
    }
    await untilRevision(engine, container.id, revision, signal);
    await rememberSites(engine, container.id, sites);
  }

  #certificates(site: Site | undefined): ContainerFile[] {
    const { certificate } = this.#options;
    if (site?.tls.kind !== "own" || !certificate || certificate.fingerprint !== site.tls.fingerprint) return [];
    return [
      { path: certificateFile(site), content: certificate.certificate, mode: 0o600 },
      { path: keyFile(site), content: certificate.key, mode: 0o600 },
    ];
  }

  /** A key that serves nobody any more has no business on the host. */
  async #dropCertificates(container: ObservedContainer, id: string, signal: AbortSignal): Promise<void> {
    const files = [certificateFile({ id }), keyFile({ id })];
    await capture(this.#options.engine, container.id, ["rm", "-f", ...files], signal);
  }

  #requireServable(driver: ProxyDriver, site: Site, all: readonly Site[], container: ObservedContainer): void {
    const why = driver.refuses(site);
    if (why !== undefined) throw this.#refused(container, `${driver.name} cannot serve ${site.id}: ${why}`, []);
    const clash = all.flatMap((other) => (other.id < site.id ? (clashOf(site, other) ?? []) : []))[0];
    if (clash !== undefined) throw this.#refused(container, clash, []);
  }

  #unwritten(container: ObservedContainer, evidence: readonly string[]): EnvctlError {
    return new EnvctlError({
      code: "proxy-unwritten",
      exitCode: ExitCode.failed,
      what: `the configuration of ${container.name} could not be written whole: the host's disk may be full`,
      where: this.#options.engine.name,
      evidence,
      state: "the proxy still serves what it served",
      next: 'free space on the host: "docker system df" shows what takes it',
    });
  }

  #refused(container: ObservedContainer, what: string, evidence: readonly string[]): EnvctlError {
    return new EnvctlError({
      code: "proxy-refused",
      exitCode: ExitCode.failed,
      what,
      where: `${this.#options.engine.name}, container ${container.name}`,
      evidence: evidence.filter((line) => line !== ""),
      state: "the proxy still serves what it served",
    });
  }

  async #running(proxy: string, signal: AbortSignal): Promise<ObservedContainer> {
    const container = await this.#options.engine.container(proxy, signal);
    if (container && isRunning(container)) return container;
    throw new EnvctlError({
      code: "proxy-missing",
      exitCode: ExitCode.failed,
      what: `the proxy ${proxy} ${container ? `is ${container.state}` : "is not there"}`,
      where: this.#options.engine.name,
      next: "envctl up for the stage starts the proxy",
    });
  }

  async #locked<Result>(proxy: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const { engine, clock, why } = this.#options;
    return await whileProxyLocked(engine, proxy, clock, why, signal, work);
  }
}

/** The driver by which a proxy that is there was made. */
export async function driverOf(container: ObservedContainer, where: string): Promise<ProxyDriver> {
  const name = container.labels[Label.proxyDriver] ?? "";
  if (isProxyDriver(name)) return await proxyDriver(name);
  throw new EnvctlError({
    code: "proxy-unknown",
    exitCode: ExitCode.needsPerson,
    what: `the proxy ${container.name} runs "${name}", which this version does not know`,
    where,
    state: "the proxy still serves what it served",
    next: "use the version of envctl that made it, or remove it: envctl proxy remove",
  });
}
