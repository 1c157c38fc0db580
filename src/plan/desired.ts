import { type Digest, digestOf } from "../base/digest.ts";
import { type ContainerSpec, type HealthcheckSpec, Label, type Labels } from "../engine/engine.ts";
import type { Service, Stage, Task, Workload } from "../environment/model.ts";
import type { Release } from "../release/release.ts";
import { endpointLabel } from "./endpoint.ts";
import { containerName, networkName, upstreamName, volumeName } from "./naming.ts";

/** Where and as what a container runs. */
export interface Placement {
  readonly environment: string;
  readonly stage: string;
  readonly generation: number;
}

/** Values of the secrets a workload names; undefined where they are not to be had (then they are not compared). */
export type SecretValues = Readonly<Record<string, string>> | undefined;

/** What a container is for; a worker runs the same release as the app. */
export type WorkloadRole = "app" | "worker" | "service";

/** A container to be made: its specification, all but the image reference that each host knows it by. */
export interface DesiredContainer {
  readonly role: WorkloadRole;
  readonly workload: Workload;
  readonly replica: number;
  /** Manifest digest of the image it must run. */
  readonly digest: Digest;
  /** Without `image`: which reference a host has for the digest is known once it is pulled. */
  readonly spec: Omit<ContainerSpec, "image">;
  /** Hash of the configuration, secrets left out. */
  readonly configHash: string;
  /** Names in `spec.env` whose values must never be shown. */
  readonly secretNames: readonly string[];
  /** True where `spec.env` has the secrets' values. */
  readonly secretsKnown: boolean;
}

/** The app's containers on one host of a stage. */
export function desiredApp(
  placement: Placement,
  stage: Stage,
  release: Release,
  secrets: SecretValues,
): DesiredContainer[] {
  return replicasOf("app", placement, stage.app, release, secrets);
}

/** The containers of each worker on one host; `home` is true for the stage's first. */
export function desiredWorkers(
  placement: Placement,
  stage: Stage,
  home: boolean,
  release: Release,
  secrets: SecretValues,
): DesiredContainer[][] {
  return stage.workers
    .filter((worker) => home || worker.place === "all")
    .map((worker) => replicasOf("worker", placement, worker, release, secrets));
}

function replicasOf(
  role: "app" | "worker",
  placement: Placement,
  workload: Workload,
  release: Release,
  secrets: SecretValues,
): DesiredContainer[] {
  return Array.from({ length: workload.replicas }, (_, index) =>
    desire(placement, workload, {
      role,
      replica: index + 1,
      digest: release.digest,
      version: release.name,
      secrets,
      extraEnv: {
        ENVCTL_ENVIRONMENT: placement.environment,
        ENVCTL_STAGE: placement.stage,
        ENVCTL_RELEASE: release.name,
        ENVCTL_DIGEST: release.digest,
      },
    }),
  );
}

export function desiredService(
  placement: Placement,
  service: Service,
  digest: Digest,
  secrets: SecretValues,
): DesiredContainer {
  return desire(placement, service, {
    role: "service",
    replica: 1,
    digest,
    version: digest.slice("sha256:".length, "sha256:".length + 7),
    secrets,
    extraEnv: {},
  });
}

/** A one-off container of the release, with the app's environment, on the stage's network. */
export function taskSpec(
  app: DesiredContainer,
  task: Pick<Task, "name" | "command">,
  unique: string,
  image: string,
): ContainerSpec {
  return {
    ...app.spec,
    image,
    name: `${app.spec.name}-task-${task.name}-${unique}`,
    command: task.command,
    entrypoint: undefined,
    labels: { ...ofEveryKind(app.spec.labels), [Label.role]: "task", [Label.workload]: task.name },
    ports: [],
    aliases: [],
    healthcheck: undefined,
    restart: "no",
  };
}

/** Nothing is ever synced into a task's container, and nobody asks it anything. */
function ofEveryKind(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== Label.dev && name !== Label.endpoint));
}

interface Particulars {
  readonly role: WorkloadRole;
  readonly replica: number;
  readonly digest: Digest;
  readonly version: string;
  readonly secrets: SecretValues;
  readonly extraEnv: Readonly<Record<string, string>>;
}

function desire(placement: Placement, workload: Workload, particulars: Particulars): DesiredContainer {
  const place = { environment: placement.environment, stage: placement.stage };
  const publicPart = {
    command: workload.command,
    entrypoint: workload.entrypoint,
    user: workload.user,
    env: workload.env,
    secretNames: [...workload.secrets].sort(),
    ports: workload.ports.map((port) => ({ ...port })),
    mounts: workload.volumes.map((mount) => ({
      ...mount,
      source: mount.kind === "volume" ? volumeName(place, mount.source) : mount.source,
    })),
    stopSignal: workload.stop.signal,
    stopGrace: workload.stop.grace,
    memory: workload.resources.memory,
    cpus: workload.resources.cpus,
    healthcheck: healthcheckOf(workload),
  };
  const configHash = digestOf(canonicalJson(publicPart)).slice("sha256:".length, "sha256:".length + 16);
  const labels: Labels = {
    [Label.environment]: placement.environment,
    [Label.stage]: placement.stage,
    [Label.role]: particulars.role,
    [Label.workload]: workload.name,
    [Label.replica]: String(particulars.replica),
    [Label.release]: particulars.version,
    [Label.digest]: particulars.digest,
    [Label.generation]: String(placement.generation),
    [Label.configHash]: configHash,
    // A service is never rolled back: it is what the file says.
    ...(particulars.role === "service" ? {} : { [Label.endpoint]: endpointLabel(workload) }),
    ...(workload.dev === undefined ? {} : { [Label.dev]: workload.dev }),
  };
  const { secretNames, env, ...rest } = publicPart;
  const secrets = particulars.secrets ?? {};
  const name = containerName(
    { ...place, workload: workload.name },
    particulars.version,
    placement.generation,
    workload.replicas > 1 ? particulars.replica : undefined,
  );
  const upstream = upstreamName(name);
  const spec: Omit<ContainerSpec, "image"> = {
    ...rest,
    name,
    env: {
      ...particulars.extraEnv,
      ...env,
      ...Object.fromEntries(secretNames.flatMap((name) => (name in secrets ? [[name, secrets[name] ?? ""]] : []))),
    },
    labels,
    network: networkName(place),
    aliases: [workload.name, ...(upstream === name ? [] : [upstream])],
    restart: "unless-stopped",
  };
  return {
    role: particulars.role,
    workload,
    replica: particulars.replica,
    digest: particulars.digest,
    spec,
    configHash,
    secretNames,
    secretsKnown: particulars.secrets !== undefined,
  };
}

/** Only a command can be the engine's own health check; HTTP and TCP are probed from outside, with no tools in the image. */
function healthcheckOf({ health, imageHealth }: Workload): HealthcheckSpec | "none" | undefined {
  if (health?.kind !== "command") return imageHealth ? undefined : "none";
  return { command: health.command, interval: health.interval, timeout: health.timeout, retries: health.retries };
}

/** JSON with sorted keys, so that equal values have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
