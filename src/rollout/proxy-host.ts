import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Progress } from "../base/progress.ts";
import { type Engine, Label, type ObservedContainer } from "../engine/engine.ts";
import { proxyNetwork } from "../plan/naming.ts";
import { isRunning } from "../plan/observed.ts";
import type { FormerProxy } from "../plan/plan.ts";
import type { DesiredProxy } from "../plan/proxies.ts";
import { clashOf } from "../plan/site-conflicts.ts";
import { isServed, loadOf, type ProxyLoad, type ProxyState, turnTo } from "../plan/turns.ts";
import { isProxyDriver, proxyDriver } from "../proxy/drivers.ts";
import type { ProxyDriver, ProxyDriverName, Site } from "../proxy/proxy.ts";
import { activationCommand, activationInput, isUnwritten } from "./activation.ts";
import type { Certificate } from "./certificate.ts";
import { currentState, rememberState } from "./known-sites.ts";
import { bringCertificate, dropCertificate, emptyCertificate } from "./proxy-certificates.ts";
import { ensureProxyContainer } from "./proxy-container.ts";
import { whileProxyLocked } from "./proxy-lock.ts";
import { untilRevision } from "./proxy-revision.ts";
import { configurationOf, readState, revisionOf, sitesFile } from "./proxy-state.ts";
import type { ReadyCommands } from "./ready-commands.ts";
import { removeProxy } from "./remove-proxy.ts";
import { changeGrace, turn, unwritten } from "./turn.ts";

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
  /** Written while the proxy's lock is let go. */
  #remembered: Promise<void> | undefined;

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

  /** Makes again what another proxy of the same name has replaced, with the sites that this one serves. */
  async bringBack(proxy: DesiredProxy, { driver, image, ports }: FormerProxy, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    if (!isProxyDriver(driver)) throw unknownDriver(proxy.name, driver, engine.name);
    const former = { ...proxy, driver, ports };
    await this.#locked(proxy.name, signal, () =>
      ensureProxyContainer(engine, former, { image, replaces: true }, signal),
    );
  }

  async join(proxy: string, network: string, signal: AbortSignal): Promise<void> {
    await this.#options.engine.connectNetwork(network, proxy, signal);
  }

  /**
   * Lets the proxy serve this site as given, or no more; what it serves of others stays. Resolves once it is live. Throws
   * `proxy-refused` where the proxy will not have it: then it serves as before, and needs nothing to go back to it.
   */
  async route(proxy: string, id: string, site: Site | undefined, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    await this.#locked(proxy, signal, async () => {
      const container = await this.#running(proxy, signal);
      const driver = await driverOf(container, engine.name);
      // Where what is live is not what is written down, it is told all of it.
      const { state, isLive } = await currentState(engine, container, signal);
      if (isLive && isServed(state, id, site)) return;
      const turned = isLive && driver.turns ? turnTo(state, id, site) : undefined;
      if (turned) {
        await turn(this.#options, container, turned, signal);
        return await this.#confirm(container, turned.state, signal);
      }
      await this.#serve(container, driver, loadOf(state, id, site, driver.turns), site, signal);
      const before = state.sites.find((other) => other.id === id);
      if (before?.tls.kind === "own" && site?.tls.kind !== "own")
        await dropCertificate(engine, container.id, { id }, signal);
    });
  }

  /**
   * Renders what the proxy was told anew, and makes it live: after an upgrade of envctl, or what somebody changed by hand.
   * `id` is the site whose certificate is written anew, too, if it is the one that the proxy was told of.
   */
  async reload(proxy: string, id: string, signal: AbortSignal): Promise<void> {
    await this.#locked(proxy, signal, async () => {
      const container = await this.#running(proxy, signal);
      const state = await readState(this.#options.engine, container.id, signal);
      const own = state.sites.find((site) => site.id === id);
      const driver = await driverOf(container, this.#options.engine.name);
      await this.#serve(container, driver, { state, stale: [] }, own, signal);
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
      const told = (await readState(engine, container.id, signal)).sites;
      const sites = told.filter((site) => site.id !== id);
      const hadOwn = told.some((site) => site.id === id && site.tls.kind === "own");
      // What it will start with.
      const files = [
        { path: driver.file, content: driver.render(sites, configurationOf(sites)), mode: 0o600 },
        { path: sitesFile, content: JSON.stringify(sites), mode: 0o600 },
        ...(hadOwn ? emptyCertificate({ id }) : []),
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
      if (shared && !options.inUse && (await readState(engine, proxy.id, signal)).sites.length > 0) return;
      await removeProxy(engine, proxy, signal, options);
    });
  }

  async #serve(
    container: ObservedContainer,
    driver: ProxyDriver,
    { state, stale }: ProxyLoad,
    changed: Site | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, commands } = this.#options;
    const { sites } = state;
    for (const site of sites) this.#requireServable(driver, site, sites, container);
    const tooMany = driver.refusesTogether?.(sites);
    if (tooMany !== undefined) throw this.#refused(container, tooMany, []);
    const takeBack = await this.#bringCertificate(container, changed, signal);
    const configuration = driver.render(sites, configurationOf(sites));
    const input = activationInput(JSON.stringify(sites), configuration, stale);
    const command = activationCommand(driver);
    const { exitCode, stderr } = await commands.run(container.name, command, input, signal, { grace: changeGrace });
    if (exitCode !== 0) {
      // What the proxy says is what people need to know, even where its files cannot be written any more.
      await takeBack().catch(() => undefined);
      const evidence = stderr.trim().split("\n");
      if (isUnwritten(exitCode)) throw unwritten(engine, container, evidence);
      throw this.#refused(container, `${driver.name} does not take its new configuration`, evidence);
    }
    await this.#confirm(container, state, signal);
  }

  async #confirm(container: ObservedContainer, state: ProxyState, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    await untilRevision(engine, container.id, revisionOf(state), signal, container);
    this.#remembered = rememberState(engine, container.id, state);
  }

  async #bringCertificate(
    container: ObservedContainer,
    site: Site | undefined,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const { engine, certificate } = this.#options;
    if (site?.tls.kind !== "own" || certificate?.fingerprint !== site.tls.fingerprint) return async () => undefined;
    return await bringCertificate(engine, container.id, site, certificate, signal);
  }

  #requireServable(driver: ProxyDriver, site: Site, all: readonly Site[], container: ObservedContainer): void {
    const why = driver.refuses(site);
    if (why !== undefined) throw this.#refused(container, `${driver.name} cannot serve ${site.id}: ${why}`, []);
    const clash = all.flatMap((other) => (other.id < site.id ? (clashOf(site, other) ?? []) : []))[0];
    if (clash !== undefined) throw this.#refused(container, clash, []);
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
    try {
      return await whileProxyLocked(engine, proxy, clock, why, signal, work);
    } finally {
      await this.#remembered;
    }
  }
}

/** The driver by which a proxy that is there was made. */
export async function driverOf(container: ObservedContainer, where: string): Promise<ProxyDriver> {
  const name = container.labels[Label.proxyDriver] ?? "";
  if (isProxyDriver(name)) return await proxyDriver(name);
  throw unknownDriver(container.name, name, where);
}

function unknownDriver(proxy: string, driver: string, where: string): EnvctlError {
  return new EnvctlError({
    code: "proxy-unknown",
    exitCode: ExitCode.needsPerson,
    what: `the proxy ${proxy} runs "${driver}", which this version does not know`,
    where,
    state: "the proxy still serves what it served",
    next: "use the version of envctl that made it, or remove it: envctl proxy remove",
  });
}
