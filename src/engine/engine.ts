import type { Duplex, Readable, Writable } from "node:stream";
import type { Digest } from "../base/digest.ts";
import type { Progress } from "../base/progress.ts";
import type { ContainerHealth, ContainerSpec, ObservedContainer } from "./container.ts";
import type { Labels } from "./labels.ts";

export type * from "./container.ts";
export { Label, type Labels } from "./labels.ts";

export interface EngineDescription {
  readonly product: "docker" | "podman";
  readonly version: string;
  readonly apiVersion: string;
  /** `linux/amd64`, in registry terms. */
  readonly platform: string;
  /** With the containerd store an image's id is its manifest (or index) digest, else its config digest. */
  readonly imageStore: "classic" | "containerd";
  readonly hostName: string;
  /** What a person should know about this way to the engine, such as a plain TCP connection. */
  readonly warnings?: readonly string[];
}

export interface ObservedImage {
  readonly id: Digest;
  /** `repository@digest`, all that the engine knows. */
  readonly repoDigests: readonly string[];
  readonly tags: readonly string[];
  readonly labels: Labels;
  /** What the image itself sets: not part of a container's own configuration. */
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly user: string;
  /** Empty for the root. */
  readonly workdir: string;
  readonly volumes: readonly string[];
  readonly stopSignal: string | undefined;
  readonly hasHealthcheck: boolean;
  /** Instructions that a build adds to what it makes of this image (ONBUILD). */
  readonly onBuild: readonly string[];
  readonly platform: string;
  /** Bytes on disk, shared layers included. */
  readonly size: number;
}

/** What happened to a container. */
export interface ContainerEvent {
  readonly id: string;
  readonly action:
    | "create"
    | "start"
    | "die"
    | "stop"
    | "kill"
    | "pause"
    | "unpause"
    | "destroy"
    | "oom"
    | "health_status"
    | "rename";
  readonly health: ContainerHealth | undefined;
  readonly exitCode: number | undefined;
}

/** What happened to a volume. */
export interface VolumeEvent {
  readonly name: string;
  readonly action: "create" | "destroy";
}

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** Without the newline. */
  readonly text: string;
  /** RFC 3339, where timestamps were asked for. */
  readonly timestamp: string | undefined;
}

export interface LogOptions {
  readonly follow: boolean;
  /** Lines from the end; undefined for all. */
  readonly tail: number | undefined;
  /** Unix seconds or RFC 3339. */
  readonly since: string | undefined;
  readonly timestamps: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  readonly terminal: { readonly columns: number; readonly rows: number } | undefined;
  readonly stdin: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Called once with a function that tells the engine a new terminal size. */
  readonly onResize?: (resize: (columns: number, rows: number) => void) => void;
  readonly signal?: AbortSignal | undefined;
}

/** User name and password (or token) for the registry an engine pulls from or pushes to. */
export interface RegistryCredentials {
  /** `<token>` where the password is an identity token, as Docker marks it. */
  readonly username: string;
  readonly password: string;
  readonly registry: string;
}

/** A file to put into a container. */
export interface ContainerFile {
  /** Absolute; folders that are missing are made. */
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Permission bits; 0o644 unless given. */
  readonly mode?: number;
  /** Root's unless given. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface ObservedNamed {
  readonly name: string;
  readonly labels: Labels;
  readonly createdAt: Date | undefined;
}

/** Which containers are worth an inspection: each takes a request. */
export interface ContainerChoice {
  /** Only those that run. */
  readonly running?: boolean;
  readonly where?: (labels: Labels) => boolean;
}

/**
 * A Docker-compatible engine on one host, in terms of what a rollout needs. Every call may throw an `EnvctlError`
 * with the host in `where`; every change is safe to repeat: what is already so is no error.
 */
export interface Engine {
  /** The host as the environment file names it. */
  readonly name: string;

  describe(signal?: AbortSignal): Promise<EngineDescription>;
  /** The engine's own clock, by which `createdAt` is told; undefined where it does not tell. */
  now(signal?: AbortSignal): Promise<Date | undefined>;

  /** Containers that carry all these labels, running or not, inspected: of all of them, or of a choice. */
  containers(labels: Labels, signal?: AbortSignal, choice?: ContainerChoice): Promise<readonly ObservedContainer[]>;
  /** undefined where there is no such container (any more). */
  container(idOrName: string, signal?: AbortSignal): Promise<ObservedContainer | undefined>;
  /** Throws `name-taken` where another container has this name. */
  createContainer(spec: ContainerSpec, signal?: AbortSignal): Promise<string>;
  startContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** Sends the stop signal, then kills after `grace` milliseconds. */
  stopContainer(id: string, grace: number, signal?: AbortSignal): Promise<void>;
  /**
   * Stops it as `stopContainer` does, for whoever needs nothing of what it holds (ports, addresses): resolves once its
   * program has ended. Calls that are about this container wait for the engine by themselves, and `close` does so, too.
   */
  endContainer(id: string, grace: number, signal?: AbortSignal): Promise<void>;
  removeContainer(id: string, signal?: AbortSignal): Promise<void>;
  /** Stops it as `stopContainer` does, and starts it again; one that does not run is started. */
  restartContainer(id: string, grace: number, signal?: AbortSignal): Promise<void>;
  /** Sends a signal such as `SIGHUP` to the container's first process. Throws `container-not-running`. */
  signalContainer(id: string, signalName: string, signal?: AbortSignal): Promise<void>;
  /** Resolves with the exit code once the container has ended. Only for one that was started: another "ends" at once, with 0. */
  waitForExit(id: string, signal?: AbortSignal): Promise<number>;
  /** Events of containers that carry these labels, from the moment the promise resolves until aborted. */
  events(labels: Labels, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>>;
  logs(id: string, options: LogOptions): AsyncIterable<LogLine>;
  /** Runs a command in a running container; resolves with its exit code. */
  exec(id: string, options: ExecOptions): Promise<number>;
  /**
   * Writes files into a container that runs or does not, also where its volumes are mounted; never into
   * a tmpfs. One by one, with a moment in which a file that is replaced is missing: let who reads wait for the end.
   */
  writeFiles(container: string, files: readonly ContainerFile[], signal?: AbortSignal): Promise<void>;
  /** At most 16 MiB. Undefined where there is no such container, or no such file: links are not followed. */
  readFile(container: string, path: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * The files of a folder and of all below it, by their absolute paths, or the one file of this path. At most 64 MiB,
   * links left out. Undefined where there is no such container or path.
   */
  readFiles(
    container: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
  /**
   * A raw TCP connection as the host itself would make it: `local` and `unix` connect directly, `ssh` through a
   * channel of the session. Undefined where the transport has no such way (plain TCP, Docker Desktop).
   */
  dial(address: string, port: number, signal?: AbortSignal): Promise<Duplex | undefined>;
  /** Address at which this machine reaches ports the host publishes: `127.0.0.1`, or the host's own name. */
  publishedAddress(): Promise<string>;

  /** By `repository@digest`, tag or id. */
  image(reference: string, signal?: AbortSignal): Promise<ObservedImage | undefined>;
  /** All images that carry these labels. */
  images(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedImage[]>;
  /** Pulls by digest (`repository@sha256:…`); reports bytes to `progress`. */
  pullImage(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Pushes `repository:tag` and returns the digest the registry answered. */
  pushImage(
    reference: string,
    credentials: RegistryCredentials | undefined,
    progress: Progress,
    signal?: AbortSignal,
  ): Promise<Digest>;
  tagImage(id: string, reference: string, signal?: AbortSignal): Promise<void>;
  removeImage(reference: string, signal?: AbortSignal): Promise<void>;
  /** Reads a tar in the format of `docker save` (manifest.json; or an OCI layout). */
  loadImage(archive: Readable, progress: Progress, signal?: AbortSignal): Promise<void>;
  /** Asks the host's engine, with its mirrors and proxies, which digest a tag has in its registry now. */
  resolveDigest(reference: string, credentials: RegistryCredentials | undefined, signal?: AbortSignal): Promise<Digest>;

  /** Makes it unless it is there. */
  ensureNetwork(name: string, labels: Labels, signal?: AbortSignal): Promise<void>;
  networks(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedNamed[]>;
  removeNetwork(name: string, signal?: AbortSignal): Promise<void>;
  /**
   * Attaches a container, running or not, to one more network. No connection to its published ports breaks as long as
   * the network's name sorts after that of the one it was created in: engines move the ports to the first.
   */
  connectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void>;
  /** Where the container or the network is gone, they are apart. */
  disconnectNetwork(network: string, container: string, signal?: AbortSignal): Promise<void>;
  /**
   * Makes it unless it is there: then it keeps the labels of whoever made it first, which `volumes` tells.
   * Engines do this atomically, which makes a volume a lock.
   */
  ensureVolume(name: string, labels: Labels, signal?: AbortSignal): Promise<void>;
  volumes(labels: Labels, signal?: AbortSignal): Promise<readonly ObservedNamed[]>;
  /** Events of all volumes (engines do not tell their labels), from the moment the promise resolves until aborted. */
  volumeEvents(signal: AbortSignal): Promise<AsyncIterable<VolumeEvent>>;
  removeVolume(name: string, signal?: AbortSignal): Promise<void>;

  /**
   * Lets the host reach a server on this machine's loopback: returns the port on the *host's* loopback
   * (the same port for a local engine, a reverse tunnel for SSH), or undefined where there is no way (plain TCP).
   */
  forwardToLoopback(port: number, signal?: AbortSignal): Promise<number | undefined>;

  /** Ends connections and child processes. Nothing may be left behind. */
  close(): Promise<void>;
}
