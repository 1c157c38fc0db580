/**
 * The parts of the Engine API's answers that are read here (Engine API reference, 1.41 to 1.51). Everything an engine
 * may leave out is optional: Podman's answers are thinner than Docker's.
 */
export interface ContainerInspect {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly Image: string;
  readonly RestartCount?: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode?: number;
    readonly Error?: string;
    readonly OOMKilled?: boolean;
    readonly StartedAt?: string;
    readonly Health?: HealthInspect | null;
    /** Podman 4 says it here. */
    readonly Healthcheck?: HealthInspect | null;
  };
  readonly Config: ContainerConfig;
  readonly HostConfig: {
    readonly PortBindings?: PortMap | null;
    readonly RestartPolicy?: { readonly Name?: string };
    readonly Memory?: number;
    readonly NanoCpus?: number;
    readonly CpuQuota?: number;
    readonly CpuPeriod?: number;
  };
  readonly Mounts?: readonly MountPoint[] | null;
  readonly NetworkSettings?: {
    readonly Ports?: PortMap | null;
    readonly Networks?: Readonly<Record<string, EndpointInspect>> | null;
  };
}

export interface HealthInspect {
  readonly Status?: string;
  readonly Log?: readonly { readonly ExitCode?: number; readonly Output?: string }[] | null;
}

interface ContainerConfig {
  readonly WorkingDir?: string;
  readonly Image?: string;
  readonly Tty?: boolean;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | string | null;
  readonly User?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly StopTimeout?: number | null;
  readonly Volumes?: Readonly<Record<string, unknown>> | null;
  readonly Healthcheck?: HealthcheckInspect | null;
  readonly OnBuild?: readonly string[] | null;
}

/** Times in nanoseconds; 0 means the engine's default. */
export interface HealthcheckInspect {
  readonly Test?: readonly string[] | null;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
}

export type PortMap = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
>;

export interface MountPoint {
  readonly Type?: string;
  readonly Name?: string;
  readonly Source?: string;
  readonly Destination: string;
  readonly RW?: boolean;
}

interface EndpointInspect {
  readonly IPAddress?: string;
  readonly GlobalIPv6Address?: string;
  readonly Aliases?: readonly string[] | null;
}

export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: ContainerConfig | null;
  readonly Os?: string;
  readonly Architecture?: string;
  readonly Variant?: string;
  readonly Size?: number;
}

export interface EventMessage {
  readonly Type?: string;
  readonly Action?: string;
  readonly HealthStatus?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> | null };
}

/** One line of a pull's, push's or load's answer. Failures come here too, long after status 200. */
export interface TransferMessage {
  readonly status?: string;
  readonly stream?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
  readonly aux?: { readonly Tag?: string; readonly Digest?: string; readonly ID?: string };
}

export interface SystemInfo {
  readonly Name?: string;
  readonly OSType?: string;
  readonly Architecture?: string;
  readonly OperatingSystem?: string;
  readonly SystemTime?: string;
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly SecurityOptions?: readonly string[] | null;
}

export interface VersionAnswer {
  readonly Version?: string;
  readonly ApiVersion?: string;
  readonly Os?: string;
  readonly Arch?: string;
  readonly Components?: readonly { readonly Name?: string; readonly Version?: string }[] | null;
}

export interface NamedInspect {
  readonly Id?: string;
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Created?: string;
  readonly CreatedAt?: string;
}
