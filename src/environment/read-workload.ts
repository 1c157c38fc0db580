import type { HealthDocument, ResourcesDocument, WorkloadDocument } from "./document.ts";
import type { Health, PortBinding, VolumeMount, Workload } from "./model.ts";
import type { Path } from "./problems.ts";
import { type Reading, readBytes, readCommand, readDuration, readEnv, readLimit, readVolumes } from "./read-values.ts";

const defaultGrace = 10_000;

/** What of a workload does not come from its own section: ports, and what a stage says over it. */
export interface WorkloadExtras {
  readonly name: string;
  readonly ports: readonly PortBinding[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  readonly volumes: readonly VolumeMount[];
  readonly resources: ResourcesDocument | undefined;
  readonly resourcesPath: Path;
  readonly replicas: number;
}

export function readWorkload(
  reading: Reading,
  path: Path,
  document: WorkloadDocument,
  extras: WorkloadExtras,
): Workload {
  const own = readVolumes(reading, [...path, "volumes"], document.volumes);
  const targets = new Set(extras.volumes.map((mount) => mount.target));
  const port = document.port;
  const memory = extras.resources?.memory ?? document.resources?.memory;
  const memoryPath =
    extras.resources?.memory === undefined ? [...path, "resources", "memory"] : [...extras.resourcesPath, "memory"];
  return {
    name: extras.name,
    command: readCommand(reading, [...path, "command"], document.command),
    entrypoint: readCommand(reading, [...path, "entrypoint"], document.entrypoint),
    user: document.user,
    port,
    ports: extras.ports,
    health: readHealth(reading, [...path, "health"], document.health, port),
    imageHealth: document.health !== false,
    env: { ...readEnv(reading, [...path, "env"], document.env), ...extras.env },
    secrets: [...new Set([...(document.secrets ?? []), ...extras.secrets])],
    volumes: [...own.filter((mount) => !targets.has(mount.target)), ...extras.volumes],
    stop: {
      signal: document.stop?.signal,
      grace: readDuration(reading, [...path, "stop", "grace"], document.stop?.grace, defaultGrace),
    },
    resources: {
      memory: readBytes(reading, memoryPath, memory),
      cpus: extras.resources?.cpus ?? document.resources?.cpus,
    },
    replicas: extras.replicas,
  };
}

/** As it may stand in a request. */
export function isUrlPath(text: string): boolean {
  return /^\/[\x21-\x7e]*$/.test(text);
}

function readHealth(
  reading: Reading,
  path: Path,
  document: HealthDocument | false | undefined,
  port: number | undefined,
): Health | undefined {
  if (document === false || (document === undefined && port === undefined)) return undefined;
  const given = document ?? {};
  const timing = {
    interval: readLimit(reading, [...path, "interval"], given.interval, 1000),
    timeout: readLimit(reading, [...path, "timeout"], given.timeout, 2000),
    retries: given.retries ?? 30,
  };
  const kinds = (["path", "tcp", "command"] as const).filter((kind) => given[kind] !== undefined);
  if (kinds.length > 1) {
    reading.problems.error(path, `only one of ${kinds.map((kind) => `\`${kind}\``).join(" and ")} can tell the health`);
    return undefined;
  }
  if (given.command !== undefined) {
    const command = readCommand(reading, [...path, "command"], given.command);
    return command && { ...timing, kind: "command", command };
  }
  const chosen =
    given.path !== undefined ? (given.port ?? port) : typeof given.tcp === "number" ? given.tcp : (given.port ?? port);
  if (chosen === undefined) {
    reading.problems.error(
      path,
      "this check needs a port",
      "say which one the program listens on: `port`, beside `health`",
    );
    return undefined;
  }
  if (given.path === undefined) return { ...timing, kind: "tcp", port: chosen };
  if (!isUrlPath(given.path)) {
    reading.problems.error(
      [...path, "path"],
      `"${given.path}" is no path of a URL`,
      "it begins with a slash: /healthz",
    );
    return undefined;
  }
  return { ...timing, kind: "http", path: given.path, port: chosen };
}
