import { resolve as resolvePath } from "node:path";
import { parseImageReference, parseOwnRepository } from "../base/reference.ts";
import type { EnvironmentDocument, ServiceDocument, StageDocument, WorkerDocument } from "./document.ts";
import type { Environment, ImageDefinition, PortBinding, Service, Stage, Task, Worker, Workload } from "./model.ts";
import type { Path } from "./problems.ts";
import { readAuto } from "./read-auto.ts";
import { readDev } from "./read-dev.ts";
import { readGates } from "./read-gates.ts";
import { readHosts } from "./read-hosts.ts";
import { readNotify } from "./read-notify.ts";
import { readProxy } from "./read-proxy.ts";
import { readRollout } from "./read-rollout.ts";
import { type Reading, readCommand, readEnv, readEnvFiles, readLimit, readPorts, readVolumes } from "./read-values.ts";
import { readVerify } from "./read-verify.ts";
import { readWorkload } from "./read-workload.ts";
import { orderStages, requireStage } from "./stage-order.ts";

/** Completes a document of the right shape with defaults, and reports what its shape alone does not show. */
export function resolveEnvironment(reading: Reading, file: string, document: EnvironmentDocument): Environment {
  const image = readImage(reading, document);
  const order = orderStages(document.stages, ["stages"], reading.problems);
  for (const kind of ["service", "worker"] as const) {
    for (const [name, { stages = [] }] of Object.entries(document[`${kind}s`] ?? {})) {
      for (const [index, stage] of stages.entries())
        requireStage(reading.problems, [`${kind}s`, name, "stages", index], stage, Object.keys(document.stages));
      if (name === "app")
        reading.problems.keyError([`${kind}s`, name], `a ${kind} cannot be called \`app\`: that is the image itself`);
      else if (kind === "worker" && document.services?.[name])
        reading.problems.keyError(["workers", name], `there is a service \`${name}\` already`);
    }
  }
  return {
    name: document.name,
    file,
    directory: reading.directory,
    image,
    app: readWorkload(reading, ["app"], document.app ?? {}, {
      name: "app",
      ports: [],
      env: {},
      secrets: [],
      volumes: [],
      resources: undefined,
      resourcesPath: ["app", "resources"],
      replicas: 1,
    }),
    dev: readDev(reading, ["dev"], document.dev, image),
    notify: readNotify(reading, document),
    envFiles: envFilesOf(document).map((path) => resolvePath(reading.directory, path)),
    stages: order.map(({ name, after }) => readStage(reading, document, image, name, after)),
    tasks: Object.entries(document.tasks ?? {}).map(([name, task]): Task => {
      const path = ["tasks", name];
      return {
        name,
        command: readCommand(reading, [...path, "command"], task.command) ?? [],
        when: task.when ?? "manual",
        timeout: readLimit(reading, [...path, "timeout"], task.timeout, 600_000),
      };
    }),
  };
}

function envFilesOf({ stages, services, workers }: EnvironmentDocument): readonly string[] {
  const sections = [stages, services ?? {}, workers ?? {}].flatMap((section) => Object.values(section));
  return [...new Set(sections.flatMap((one) => one?.env_file ?? []))];
}

function readImage(reading: Reading, document: EnvironmentDocument): ImageDefinition {
  const { image } = document;
  const context = resolvePath(reading.directory, image.context ?? ".");
  return {
    ...readRepository(reading, ["image", "repository"], image.repository),
    context,
    dockerfile: resolvePath(context, image.dockerfile ?? "Dockerfile"),
    target: image.target,
    args: readEnv(reading, ["image", "args"], image.args),
    secrets: image.secrets ?? [],
    platforms: image.platforms ?? [],
  };
}

function readRepository(reading: Reading, path: Path, text: string): { registry: string | undefined; path: string } {
  const repository = parseOwnRepository(text);
  if (repository) return repository;
  const hint = /[A-Z]/.test(text)
    ? `did you mean \`${text.toLowerCase()}\`? Repositories are in lower case`
    : /[:@][^/]*$/.test(text)
      ? "leave the tag or digest away: envctl chooses it"
      : "such as registry.example.com/team/shop, or shop for the registry that envctl brings along";
  reading.problems.error(path, `"${text}" is no name of a repository`, hint);
  return { registry: undefined, path: "invalid" };
}

function readStage(
  reading: Reading,
  document: EnvironmentDocument,
  image: ImageDefinition,
  name: string,
  after: readonly string[],
): Stage {
  const path = ["stages", name];
  const stage: StageDocument = document.stages[name] ?? {};
  const hosts = readHosts(reading, [...path, "hosts"], stage.hosts);
  const replicas = stage.replicas ?? 1;
  const published = readPorts(reading, [...path, "ports"], stage.ports);
  const proxy = readProxy(reading, document, name, published);
  // What the proxy publishes, no container of the app does.
  const ports = published.filter((port) => !proxy?.ports.includes(port));
  const app = readApp(reading, document, name, ports);
  if (replicas > 1 && ports.length > 0) {
    reading.problems.error(
      [...path, "replicas"],
      `${replicas} containers cannot share a published port`,
      "take `ports` away, or run one container on each host",
    );
  }
  const services = Object.entries(document.services ?? {})
    .filter(([, service]) => service.stages === undefined || service.stages.includes(name))
    .map(([serviceName, service]) => readService(reading, ["services", serviceName], serviceName, service));
  return {
    name,
    after,
    hosts,
    repository:
      stage.repository === undefined
        ? { registry: image.registry, path: image.path }
        : readRepository(reading, [...path, "repository"], stage.repository),
    ports: published,
    app,
    workers: Object.entries(document.workers ?? {})
      .filter(([, worker]) => worker.stages === undefined || worker.stages.includes(name))
      .map(([workerName, worker]) => readWorker(reading, workerName, worker, app)),
    services,
    proxy,
    rollout: readRollout(reading, [...path, "rollout"], stage.rollout, { proxied: proxy !== undefined }),
    auto: readAuto(reading, [...path, "auto"], stage.auto, after.length === 0),
    gates: readGates(reading, [...path, "gates"], stage.gates, { name, first: after.length === 0 }),
    verify: readVerify(reading, [...path, "verify"], stage.verify, { app, services, proxy }),
  };
}

function readApp(
  reading: Reading,
  document: EnvironmentDocument,
  name: string,
  ports: readonly PortBinding[],
): Workload {
  const path = ["stages", name];
  const stage: StageDocument = document.stages[name] ?? {};
  return readWorkload(reading, ["app"], document.app ?? {}, {
    name: "app",
    ports,
    env: {
      ...readEnvFiles(reading, [...path, "env_file"], stage.env_file),
      ...readEnv(reading, [...path, "env"], stage.env),
    },
    secrets: stage.secrets ?? [],
    volumes: readVolumes(reading, [...path, "volumes"], stage.volumes),
    resources: stage.resources,
    resourcesPath: [...path, "resources"],
    replicas: stage.replicas ?? 1,
  });
}

/** What its section does not say, it has from the app. */
function readWorker(reading: Reading, name: string, document: WorkerDocument, app: Workload): Worker {
  const path = ["workers", name];
  const own = readWorkload(reading, path, document, {
    name,
    ports: [],
    env: {},
    secrets: [],
    volumes: [],
    resources: undefined,
    resourcesPath: path,
    replicas: document.replicas ?? 1,
  });
  const targets = new Set(own.volumes.map((mount) => mount.target));
  return {
    ...own,
    // It is about the app.
    imageHealth: false,
    user: own.user ?? app.user,
    env: { ...app.env, ...readEnvFiles(reading, [...path, "env_file"], document.env_file), ...own.env },
    secrets: [...new Set([...app.secrets, ...own.secrets])],
    volumes: [...app.volumes.filter((mount) => !targets.has(mount.target)), ...own.volumes],
    stop: document.stop ? own.stop : app.stop,
    place: document.hosts ?? "all",
  };
}

function readService(reading: Reading, path: Path, name: string, document: ServiceDocument): Service {
  const image = parseImageReference(document.image);
  if (!image) {
    reading.problems.error(
      [...path, "image"],
      `"${document.image}" is no image reference`,
      "such as postgres:16, or registry.example.com/team/queue:3",
    );
  } else if ((image.tag === undefined || image.tag === "latest") && !image.digest) {
    reading.problems.warning(
      [...path, "image"],
      `\`${document.image}\` has no fixed version`,
      "its digest is pinned in envctl.lock all the same; name a version such as postgres:16",
    );
  }
  return {
    ...readWorkload(reading, path, document, {
      name,
      ports: readPorts(reading, [...path, "ports"], document.ports),
      env: {
        ...readEnvFiles(reading, [...path, "env_file"], document.env_file),
        ...readEnv(reading, [...path, "env"], document.env),
      },
      secrets: [],
      volumes: [],
      resources: undefined,
      resourcesPath: path,
      replicas: 1,
    }),
    image: image ?? { registry: "docker.io", path: "invalid" },
    imageText: document.image,
  };
}
