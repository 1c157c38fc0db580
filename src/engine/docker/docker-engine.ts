import type { Duplex, Readable } from "node:stream";
import type { Digest } from "../../base/digest.ts";
import { type Progress, silent } from "../../base/progress.ts";
import type {
  ContainerChoice,
  ContainerEvent,
  ContainerFile,
  ContainerSpec,
  Engine,
  EngineDescription,
  ExecOptions,
  Labels,
  LogLine,
  LogOptions,
  ObservedContainer,
  ObservedImage,
  ObservedNamed,
  RegistryCredentials,
  VolumeEvent,
} from "../engine.ts";
import { ApiClient } from "./api.ts";
import type { SystemInfo } from "./api-types.ts";
import { Containers } from "./containers.ts";
import { containerEvents, volumeEvents } from "./events.ts";
import { runInContainer } from "./exec.ts";
import { readContainerFile, readContainerFiles, writeContainerFiles } from "./files.ts";
import { Images } from "./images.ts";
import { containerLogs } from "./logs.ts";
import { connectNetwork, disconnectNetwork } from "./network-attachment.ts";
import { NetworksAndVolumes } from "./networks-and-volumes.ts";
import { describeEngine, engineTime, readInfo, sharesNetwork } from "./system.ts";
import type { Transport } from "./transport/transport.ts";
import { negotiateVersion } from "./version.ts";

/** How long an engine may take to clear away what has ended, where nobody waits for more than that. Milliseconds. */
const settling = 5_000;

/** An engine that speaks the Docker Engine API, over whichever transport. */
export class DockerEngine implements Engine {
  readonly name: string;
  readonly #transport: Transport;
  readonly #api: ApiClient;
  readonly #containers: Containers;
  readonly #images: Images;
  readonly #named: NetworksAndVolumes;
  #info: Promise<SystemInfo> | undefined;

  private constructor(name: string, transport: Transport, api: ApiClient) {
    this.name = name;
    this.#transport = transport;
    this.#api = api;
    this.#containers = new Containers(api);
    this.#images = new Images(api);
    this.#named = new NetworksAndVolumes(api);
  }

  /** Connects and agrees on an API version. The transport is the engine's from here on, and closed where this fails. */
  static async open(name: string, transport: Transport, signal?: AbortSignal): Promise<DockerEngine> {
    const api = new ApiClient(transport, name);
    try {
      await negotiateVersion(api, signal);
    } catch (error) {
      api.close();
      await transport.close();
      throw error;
    }
    const engine = new DockerEngine(name, transport, api);
    // Whoever looks at a container's address needs it, and need not wait for it then.
    if (transport.sameMachine) engine.#readInfo(signal).catch(() => {});
    return engine;
  }

  publishedAddress(): Promise<string> {
    return this.#transport.publishedAddress();
  }

  async describe(signal?: AbortSignal): Promise<EngineDescription> {
    return await describeEngine(this.#api, await this.#readInfo(signal), this.#transport.plaintext, signal);
  }

  now(signal?: AbortSignal): Promise<Date | undefined> {
    return engineTime(this.#api, signal);
  }

  containers(labels: Labels, signal?: AbortSignal, choice?: ContainerChoice): Promise<readonly ObservedContainer[]> {
    return this.#containers.withLabels(labels, signal, choice);
  }

  container(idOrName: string, signal?: AbortSignal): Promise<ObservedContainer | undefined> {
    return this.#containers.find(idOrName, signal);
  }

  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    return this.#containers.create(spec, signal);
  }

  startContainer(id: string, signal?: AbortSignal): Promise<void> {
    return this.#containers.start(id, signal);
  }

  stopContainer(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    return this.#containers.stop(id, grace, signal);
  }

  endContainer(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    // A connection on which to hear of the end must not take longer to make than is saved by it.
    return this.#transport.sameMachine
      ? this.#containers.end(id, grace, signal)
      : this.#containers.stop(id, grace, signal);
  }

  removeContainer(id: string, signal?: AbortSignal): Promise<void> {
    return this.#containers.remove(id, signal);
  }

  restartContainer(id: string, grace: number, signal?: AbortSignal): Promise<void> {
    return this.#containers.restart(id, grace, signal);
  }

  signalContainer(id: string, signalName: string, signal?: AbortSignal): Promise<void> {
    return this.#containers.signal(id, signalName, signal);
  }

  waitForExit(id: string, signal?: AbortSignal): Promise<number> {
    return this.#containers.waitForExit(id, signal);
  }

  events(labels: Labels, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>> {
    return containerEvents(this.#api, labels, signal);
  }

  logs(id: string, options: LogOptions): AsyncIterable<LogLine> {
    return containerLogs(this.#api, id, options);
  }

  exec(id: string, options: ExecOptions): Promise<number> {
    return runInContainer(this.#api, id, options);
  }

  writeFiles(container: string, files: readonly ContainerFile[], signal?: AbortSignal): Promise<void> {
    return writeContainerFiles(this.#api, container, files, signal);
  }

  readFile(container: string, path: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    return readContainerFile(this.#api, container, path, signal);
  }

  readFiles(
    container: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
    return readContainerFiles(this.#api, container, path, signal);
  }

  async dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex | undefined> {
    if (this.#transport.sameMachine && !isLoopback(address)) {
      if (!sharesNetwork(await this.#readInfo(signal))) return undefined;
    }
    return await this.#transport.dial(address, port, signal);
  }

  image(reference: string, signal?: AbortSignal): Promise<ObservedImage | undefined> {
    return this.#images.find(reference, signal);
  }

  images(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedImage[]> {
    return this.#images.withLabels(labels, signal);
  }

  pullImage(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#images.pull(reference, credentials, progress, signal);
  }

  pushImage(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<Digest> {
    return this.#images.push(reference, credentials, progress, signal);
  }

  tagImage(id: string, reference: string, signal?: AbortSignal): Promise<void> {
    return this.#images.tag(id, reference, signal);
  }

  removeImage(reference: string, signal?: AbortSignal): Promise<void> {
    return this.#images.remove(reference, signal);
  }

  loadImage(archive: Readable, progress: Progress, signal?: AbortSignal): Promise<void> {
    return this.#images.load(archive, progress, signal);
  }

  resolveDigest(
    reference: string,
    credentials: RegistryCredentials | undefined,
    signal?: AbortSignal,
  ): Promise<Digest> {
    return this.#images.resolveDigest(reference, credentials, silent, signal);
  }

  ensureNetwork(name: string, labels: Labels, signal?: AbortSignal): Promise<void> {
    return this.#named.ensureNetwork(name, labels, signal);
  }

  networks(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedNamed[]> {
    return this.#named.networks(labels, signal);
  }

  removeNetwork(name: string, signal?: AbortSignal): Promise<void> {
    return this.#named.removeNetwork(name, signal);
  }

  connectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void> {
    return connectNetwork(this.#api, network, container, signal);
  }

  disconnectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void> {
    return disconnectNetwork(this.#api, network, container, signal);
  }

  ensureVolume(name: string, labels: Labels, signal?: AbortSignal): Promise<void> {
    return this.#named.ensureVolume(name, labels, signal);
  }

  volumes(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedNamed[]> {
    return this.#named.volumes(labels, signal);
  }

  volumeEvents(signal: AbortSignal): Promise<AsyncIterable<VolumeEvent>> {
    return volumeEvents(this.#api, signal);
  }

  removeVolume(name: string, signal?: AbortSignal): Promise<void> {
    return this.#named.removeVolume(name, signal);
  }

  async forwardToLoopback(port: number, signal?: AbortSignal): Promise<number | undefined> {
    if (this.#transport.sameMachine && !sharesNetwork(await this.#readInfo(signal))) return undefined;
    return await this.#transport.forwardToLoopback(port, signal);
  }

  async close(): Promise<void> {
    await this.#containers.settled(settling);
    this.#api.close();
    await this.#transport.close();
  }

  /** Asked once: an engine does not become another one while a command runs. */
  #readInfo(signal: AbortSignal | undefined): Promise<SystemInfo> {
    if (this.#info) return this.#info;
    const reading = readInfo(this.#api, signal);
    this.#info = reading;
    // A reading that was aborted or failed says nothing: the next call asks again.
    reading.catch(() => {
      if (this.#info === reading) this.#info = undefined;
    });
    return reading;
  }
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}
