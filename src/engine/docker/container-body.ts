import type { ContainerSpec, HealthcheckSpec } from "../engine.ts";

const nanoseconds = 1_000_000;

/** The body of `POST /containers/create` for a specification. */
export function containerBody(spec: ContainerSpec): object {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of spec.ports) {
    const key = `${port.containerPort}/${port.protocol}`;
    bindings[key] ??= [];
    bindings[key].push({ HostIp: port.address ?? "", HostPort: String(port.hostPort) });
  }
  return {
    Image: spec.image,
    // An empty list would mean "as the image says"; one empty word clears it (Engine API: Entrypoint).
    Entrypoint: spec.entrypoint?.length === 0 ? [""] : spec.entrypoint,
    Cmd: spec.command,
    User: spec.user,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels,
    ExposedPorts: Object.fromEntries(Object.keys(bindings).map((key) => [key, {}])),
    StopSignal: spec.stopSignal,
    StopTimeout: Math.ceil(spec.stopGrace / 1000),
    Healthcheck:
      spec.healthcheck === "none" ? { Test: ["NONE"] } : spec.healthcheck && healthcheckBody(spec.healthcheck),
    HostConfig: {
      NetworkMode: spec.network,
      PortBindings: bindings,
      // What `startContainer` makes of it anyway: see `restart-policy.ts`.
      RestartPolicy: { Name: spec.restart === "unless-stopped" ? "always" : spec.restart },
      Sysctls: spec.sysctls,
      LogConfig: spec.logLimit === undefined ? undefined : logConfig(spec.logLimit),
      Memory: spec.memory,
      NanoCpus: spec.cpus === undefined ? undefined : Math.round(spec.cpus * 1e9),
      // `Mounts`, not `Binds`: a bind whose source is missing is then an error and not a new empty folder.
      Mounts: spec.mounts.map((mount) => ({
        Type: mount.kind,
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
      })),
    },
    NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: spec.aliases } } },
  };
}

function healthcheckBody(healthcheck: HealthcheckSpec): object {
  return {
    Test: ["CMD", ...healthcheck.command],
    Interval: Math.round(healthcheck.interval * nanoseconds),
    Timeout: Math.round(healthcheck.timeout * nanoseconds),
    Retries: healthcheck.retries,
  };
}

/** In a few files: the oldest goes when a new one is begun. */
function logConfig(limit: number): object {
  const files = 4;
  return { Type: "json-file", Config: { "max-size": String(Math.ceil(limit / files)), "max-file": String(files) } };
}
