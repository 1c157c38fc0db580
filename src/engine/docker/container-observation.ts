import { constants } from "node:os";
import { isDigest } from "../../base/digest.ts";
import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type {
  ContainerHealth,
  ContainerState,
  HealthcheckSpec,
  MountSpec,
  ObservedContainer,
  PortMapping,
} from "../engine.ts";
import type { ContainerInspect, HealthcheckInspect, HealthInspect, MountPoint, PortMap } from "./api-types.ts";

/** Engine API: `StopTimeout` in seconds, 10 where none is set. */
const defaultStopTimeout = 10;

/** An inspected container in the terms of a specification, so that the two compare. */
export function observedContainer(inspect: ContainerInspect): ObservedContainer {
  const { Config: config, HostConfig: host, State: state } = inspect;
  const health = state.Health ?? state.Healthcheck ?? undefined;
  const found = containerState(state.Status);
  const ended = found === "exited" || found === "dead" || found === "restarting";
  const entrypoint = typeof config.Entrypoint === "string" ? [config.Entrypoint] : config.Entrypoint;
  return {
    id: inspect.Id,
    name: inspect.Name.replace(/^\//, ""),
    imageId: imageIdentity(inspect.Image),
    imageReference: config.Image ?? "",
    command: config.Cmd ?? undefined,
    entrypoint: entrypoint?.length === 1 && entrypoint[0] === "" ? [] : (entrypoint ?? undefined),
    user: config.User || undefined,
    env: ownVariables(variables(config.Env ?? [])),
    labels: config.Labels ?? {},
    ports: portMappings(host.PortBindings ?? {}, inspect.NetworkSettings?.Ports ?? {}),
    mounts: (inspect.Mounts ?? []).flatMap(ownMount),
    stopSignal: signalName(config.StopSignal),
    stopGrace: (config.StopTimeout ?? defaultStopTimeout) * 1000,
    memory: host.Memory || undefined,
    cpus: cpus(host),
    healthcheck: healthcheck(config.Healthcheck ?? undefined),
    // `always` is what we make of `unless-stopped` while it runs: see `restart-policy.ts`.
    restart: /^(?:unless-stopped|always)$/.test(host.RestartPolicy?.Name ?? "") ? "unless-stopped" : "no",
    state: found,
    comesBack: host.RestartPolicy?.Name === "always",
    health: containerHealth(health?.Status),
    healthOutput: lastFailure(health),
    exitCode: ended ? state.ExitCode : undefined,
    error: state.Error || undefined,
    outOfMemory: state.OOMKilled ?? false,
    restartCount: inspect.RestartCount ?? 0,
    createdAt: new Date(inspect.Created),
    startedAt: moment(state.StartedAt),
    networks: Object.fromEntries(
      Object.entries(inspect.NetworkSettings?.Networks ?? {}).map(([name, endpoint]) => [
        name,
        {
          address: endpoint.IPAddress || endpoint.GlobalIPv6Address || "",
          // Before API 1.45 the engine adds the container's short id to the aliases.
          aliases: (endpoint.Aliases ?? []).filter((alias) => !isShortId(alias, inspect.Id)),
        },
      ]),
    ),
  };
}

export function variables(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** Podman puts these into every container: nobody asked for them. */
function ownVariables({ ...found }: Record<string, string>): Record<string, string> {
  if (found.container !== "podman") return found;
  delete found.container;
  if (found.TERM === "xterm") delete found.TERM;
  return found;
}

/** Podman tells the number, and that of SIGTERM also where nobody chose a signal. */
export function signalName(signal: string | undefined): string | undefined {
  if (signal === undefined || signal === "" || signal === "15") return undefined;
  return Object.entries(constants.signals).find(([, value]) => String(value) === signal)?.[0] ?? signal;
}

export function containerHealth(status: string | undefined): ContainerHealth {
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : "none";
}

/** Podman leaves the algorithm out. Throws where an engine reports no digest at all. */
export function imageIdentity(id: string) {
  const digest = id.startsWith("sha256:") ? id : `sha256:${id}`;
  if (isDigest(digest)) return digest;
  throw new EnvctlError({
    code: "engine-refused",
    exitCode: ExitCode.failed,
    what: `the engine reports an image id that is no digest: ${JSON.stringify(id)}`,
  });
}

function portMappings(wanted: PortMap, bound: PortMap): PortMapping[] {
  return Object.entries(wanted).flatMap(([key, bindings]) => {
    const [port, protocol] = key.split("/");
    return (bindings ?? []).map((binding, index) => ({
      address: binding.HostIp || undefined,
      // 0 asks the engine to choose: what it chose is known once the container runs.
      hostPort: Number(binding.HostPort) || Number(bound[key]?.[index]?.HostPort) || 0,
      containerPort: Number(port),
      protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
    }));
  });
}

/** Anonymous volumes come from the image's `VOLUME` lines: no specification names them. */
function ownMount(mount: MountPoint): MountSpec[] {
  const shared = { target: mount.Destination, readOnly: mount.RW === false };
  if (mount.Type === "bind") return [{ kind: "bind", source: mount.Source ?? "", ...shared }];
  const named = mount.Type === "volume" && mount.Name !== undefined && !/^[0-9a-f]{64}$/.test(mount.Name);
  return named ? [{ kind: "volume", source: mount.Name ?? "", ...shared }] : [];
}

function cpus(host: ContainerInspect["HostConfig"]): number | undefined {
  if (host.NanoCpus) return host.NanoCpus / 1e9;
  // Podman keeps the limit as a quota of a period.
  return host.CpuQuota && host.CpuQuota > 0 ? host.CpuQuota / (host.CpuPeriod || 100_000) : undefined;
}

/** Engine API, HealthConfig: times in nanoseconds; 0 takes the default of 30 s, 30 s and 3 retries. */
function healthcheck(inspect: HealthcheckInspect | undefined): HealthcheckSpec | undefined {
  const [kind, ...rest] = inspect?.Test ?? [];
  if (!inspect || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  return {
    command: kind === "CMD-SHELL" ? ["/bin/sh", "-c", ...rest] : rest,
    interval: (inspect.Interval || 30e9) / 1e6,
    timeout: (inspect.Timeout || 30e9) / 1e6,
    retries: inspect.Retries || 3,
  };
}

function containerState(status: string): ContainerState {
  switch (status) {
    case "created":
    case "running":
    case "paused":
    case "restarting":
    case "removing":
    case "exited":
    case "dead":
      return status;
    // Podman's own states.
    case "configured":
    case "initialized":
      return "created";
    case "stopping":
      return "running";
    default:
      return "exited";
  }
}

function lastFailure(health: HealthInspect | undefined): string | undefined {
  return health?.Log?.filter((entry) => entry.ExitCode !== 0).at(-1)?.Output || undefined;
}

function isShortId(alias: string, id: string): boolean {
  return /^[0-9a-f]{12}$/.test(alias) && id.startsWith(alias);
}

/** The engine writes the year 1 for "never". */
function moment(text: string | undefined): Date | undefined {
  const date = new Date(text ?? "");
  return date.getTime() > 0 ? date : undefined;
}
