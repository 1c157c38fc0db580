import type { Digest } from "../base/digest.ts";
import type { Labels } from "./labels.ts";

export interface PortMapping {
  readonly address: string | undefined;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

export interface MountSpec {
  readonly kind: "volume" | "bind";
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** Times in milliseconds. */
export interface HealthcheckSpec {
  readonly command: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
}

/** A container as it should be. `env` may hold secrets: never print it. */
export interface ContainerSpec {
  readonly name: string;
  /** Always `repository@digest`, or an image id. */
  readonly image: string;
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
  readonly user: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Labels;
  readonly ports: readonly PortMapping[];
  readonly mounts: readonly MountSpec[];
  readonly network: string;
  readonly aliases: readonly string[];
  readonly stopSignal: string | undefined;
  /** Milliseconds between the stop signal and the kill. */
  readonly stopGrace: number;
  /** Bytes. */
  readonly memory: number | undefined;
  readonly cpus: number | undefined;
  /** `none` switches the image's own off; undefined keeps it. */
  readonly healthcheck: HealthcheckSpec | "none" | undefined;
  readonly restart: "unless-stopped" | "no";
  /** Kernel parameters of the container's network. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Bytes of output that the engine keeps; the engine's own default unless given. */
  readonly logLimit?: number;
}

export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
export type ContainerHealth = "none" | "starting" | "healthy" | "unhealthy";

/** A container as the engine reports it. The first part is in `ContainerSpec`'s terms, so that the two compare. */
export interface ObservedContainer
  extends Omit<ContainerSpec, "network" | "aliases" | "image" | "sysctls" | "logLimit"> {
  readonly id: string;
  /** What the engine runs: config digest (classic store) or manifest digest (containerd store). */
  readonly imageId: Digest;
  /** As it was named at creation. */
  readonly imageReference: string;
  readonly state: ContainerState;
  /** True where its engine would start it with itself: so it should be of what runs, and of nothing that was stopped. */
  readonly comesBack: boolean;
  readonly health: ContainerHealth;
  /** Output of the last health check that failed. */
  readonly healthOutput: string | undefined;
  readonly exitCode: number | undefined;
  readonly error: string | undefined;
  readonly outOfMemory: boolean;
  readonly restartCount: number;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  /** By network name. */
  readonly networks: Readonly<Record<string, { readonly address: string; readonly aliases: readonly string[] }>>;
}
