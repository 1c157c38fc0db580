import { digestOf } from "../../src/base/digest.ts";
import type { Duration } from "../../src/base/duration.ts";
import type { Labels, ObservedContainer } from "../../src/engine/engine.ts";
import { noGates } from "../../src/environment/gates.ts";
import type {
  Environment,
  PortBinding,
  Rollout,
  Service,
  Stage,
  StageProxy,
  Workload,
} from "../../src/environment/model.ts";
import type { DesiredContainer } from "../../src/plan/desired.ts";
import type { ObservedHost, ObservedProxy } from "../../src/plan/observed.ts";
import type { HostPlan, StagePlan, Step } from "../../src/plan/plan.ts";
import { stepsOf } from "../../src/plan/plan.ts";
import type { DesiredProxy } from "../../src/plan/proxies.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import type { Release } from "../../src/release/release.ts";

/** A small pure model of hosts: plans are applied to it, to see where they lead without any engine. */

export const port: PortBinding = { address: undefined, hostPort: 8080, containerPort: 8080, protocol: "tcp" };

export function release(name: string): Release {
  const digest = digestOf(`manifest ${name}`);
  return {
    name,
    digest,
    configs: { "linux/amd64": digestOf(`config ${name}`) },
    manifests: { "linux/amd64": digest },
    fingerprint: name,
    commit: undefined,
    dirty: false,
    builtAt: "2026-01-01T00:00:00Z",
    size: 1,
  };
}

export function workload(overrides: Partial<Workload> = {}): Workload {
  return {
    name: "app",
    command: undefined,
    entrypoint: undefined,
    user: undefined,
    port: 8080,
    ports: [],
    health: undefined,
    imageHealth: true,
    env: {},
    secrets: [],
    volumes: [],
    stop: { signal: undefined, grace: 10_000 as Duration },
    resources: { memory: undefined, cpus: undefined },
    replicas: 1,
    ...overrides,
  };
}

export function stage(overrides: Partial<Stage> = {}): Stage {
  return {
    name: "test",
    after: [],
    hosts: [{ kind: "local", name: "a" }],
    repository: { registry: undefined, path: "shop" },
    ports: [],
    app: workload(),
    workers: [],
    services: [],
    proxy: undefined,
    rollout: rollout(),
    auto: undefined,
    gates: noGates,
    verify: { checks: [], onFailure: "keep" },
    ...overrides,
  };
}

export function rollout(overrides: Partial<Rollout> = {}): Rollout {
  return {
    strategy: "rolling",
    batch: 1,
    maxUnavailable: 1,
    pause: 0 as Duration,
    onFailure: "rollback",
    keep: 2,
    timeout: 1000 as Duration,
    canary: { weights: [10], hosts: 1, bake: 1000 as Duration, maxErrorRate: 1, minRequests: 20 },
    ...overrides,
  };
}

export function stageProxy(overrides: Partial<StageProxy> = {}): StageProxy {
  return {
    driver: "caddy",
    imageText: undefined,
    domains: [],
    httpPort: 80,
    httpsPort: 443,
    ports: [],
    appPort: 8080,
    trustedProxies: [],
    path: "/",
    stripPath: false,
    tls: { kind: "internal" },
    maxBody: undefined,
    responseTimeout: 60_000 as Duration,
    drain: 30_000 as Duration,
    accessLog: true,
    errorPage: undefined,
    maintenancePage: undefined,
    ...overrides,
  };
}

export function environment(stages: readonly Stage[], overrides: Partial<Environment> = {}): Environment {
  return {
    name: "shop",
    file: "/shop/envctl.yaml",
    directory: "/shop",
    image: {
      registry: undefined,
      path: "shop",
      context: "/shop",
      dockerfile: "/shop/Dockerfile",
      target: undefined,
      args: {},
      secrets: [],
      platforms: [],
    },
    stages,
    tasks: [],
    notify: [],
    envFiles: [],
    app: workload(),
    dev: {
      sync: "infer",
      rules: [],
      command: undefined,
      entrypoint: undefined,
      env: {},
      ports: [],
      reload: undefined,
    },
    ...overrides,
  };
}

export function service(name: string, overrides: Partial<Service> = {}): Service {
  return {
    ...workload({ name, port: undefined }),
    image: { registry: "docker.io", path: `library/${name}` },
    imageText: name,
    ...overrides,
  };
}

export function emptyHost(name: string): ObservedHost {
  return {
    name,
    containers: [],
    images: new Map(),
    presentImage: undefined,
    networks: [],
    volumes: [],
    rivals: [],
    unhealthy: new Set(),
    synced: new Map(),
    proxies: [],
  };
}

/** The host after so many of the plan's steps. */
export function applied(host: ObservedHost, plan: HostPlan, steps = Number.POSITIVE_INFINITY): ObservedHost {
  return stepsOf(plan).slice(0, steps).reduce(apply, host);
}

let clock = 0;

/** What an engine would do, and refuse: a port that is taken, a network that is missing, a container that runs. */
export function apply(host: ObservedHost, step: Step): ObservedHost {
  switch (step.kind) {
    case "pull":
    case "wait-healthy":
    case "drain":
      return host;
    case "network":
      return { ...host, networks: [...host.networks, step.name] };
    case "volume":
      return { ...host, volumes: [...host.volumes, step.name] };
    case "create":
      if (!host.networks.includes(step.container.spec.network)) throw new Error("the network is not there");
      return { ...host, containers: [...host.containers, containerOf(step.container)] };
    case "start":
      return started(host, step.container.name);
    case "stop":
      return changeAny(host, step.container.id, { state: "exited" });
    case "remove":
      if (running(host).some(({ id }) => id === step.container.id)) throw new Error(`${step.container.name} runs`);
      return { ...host, containers: host.containers.filter((container) => container.id !== step.container.id) };
    case "proxy":
      return withProxy(host, step);
    case "join":
      return changeProxy(host, step.proxy, (found) => {
        const networks = { ...found.container.networks, [step.network]: { address: "", aliases: [] } };
        return { ...found, container: { ...found.container, networks } };
      });
    case "route":
      return routed(host, step.proxy.name, step.id, step.site);
    case "leave":
      return {
        ...host,
        proxies: host.proxies.map((proxy) => {
          if (proxy.container.name !== step.proxy) return proxy;
          const { [step.network]: _left, ...networks } = proxy.container.networks;
          return { ...proxy, container: { ...proxy.container, networks } };
        }),
      };
    case "remove-proxy":
      return {
        ...host,
        proxies: host.proxies.filter((proxy) => proxy.container.id !== step.container.id || serves(proxy)),
      };
  }
}

/** One that is no stage's own stays where it knows of somebody whom it serves. */
function serves({ container, sites }: ObservedProxy): boolean {
  return container.labels["envctl.stage"] === undefined && sites.length > 0;
}

/** What `undo` of the rollout does. */
export function undone(host: ObservedHost, step: Step): ObservedHost {
  switch (step.kind) {
    case "create":
      return { ...host, containers: host.containers.filter(({ name }) => name !== step.container.spec.name) };
    case "start":
      return change(host, ({ name }) => name === step.container.name, { state: "exited" });
    case "stop": {
      const found = [...host.containers, ...host.proxies.map(({ container }) => container)];
      return started(host, found.find(({ id }) => id === step.container.id)?.name ?? "");
    }
    case "route":
      return routed(host, step.proxy.name, step.id, step.before);
    case "proxy":
      if (step.replaces) return withProxy(host, { ...step, proxy: { ...step.proxy, ports: step.replaces.ports } });
      return { ...host, proxies: host.proxies.filter(({ container }) => container.name !== step.proxy.name) };
    default:
      return host;
  }
}

function started(host: ObservedHost, name: string): ObservedHost {
  const found = [...host.containers, ...host.proxies.map(({ container }) => container)].find(
    (container) => container.name === name,
  );
  if (!found) throw new Error(`${name} is not there`);
  requireFree(host, found);
  clock += 1;
  return changeAny(host, found.id, { state: "running", startedAt: new Date(clock) });
}

function requireFree(host: ObservedHost, wanting: Pick<ObservedContainer, "name" | "ports">): void {
  const others = [...host.containers, ...host.proxies.map(({ container }) => container)].filter(
    ({ name, state }) => state === "running" && name !== wanting.name,
  );
  const taken = others.flatMap((other) => other.ports.map(({ hostPort }) => ({ hostPort, by: other.name })));
  const rival = taken.find(({ hostPort }) => wanting.ports.some((mine) => mine.hostPort === hostPort));
  if (rival) throw new Error(`${wanting.name} cannot have port ${rival.hostPort}: ${rival.by} has it`);
}

function withProxy(host: ObservedHost, { proxy, replaces }: Extract<Step, { kind: "proxy" }>): ObservedHost {
  const found = host.proxies.find(({ container }) => container.name === proxy.name);
  if (found && !replaces) return started(host, proxy.name);
  requireFree(host, proxy);
  const container = proxyContainer(proxy, found?.container.networks ?? {});
  const next = { driver: proxy.driver, sites: found?.sites ?? [], container };
  return { ...host, proxies: [...host.proxies.filter((other) => other !== found), next] };
}

function routed(host: ObservedHost, proxy: string, id: string, site: Site | undefined): ObservedHost {
  return changeProxy(host, proxy, (found) => {
    // One that does not run can still be told to forget.
    if (site && found.container.state !== "running") throw new Error(`${proxy} does not run`);
    if (site && !(`${site.environment}-${site.stage}` in found.container.networks))
      throw new Error(`${proxy} cannot reach ${site.id}`);
    const others = found.sites.filter((other) => other.id !== id);
    return { ...found, sites: site ? [...others, site] : others };
  });
}

function changeProxy(host: ObservedHost, name: string, to: (found: ObservedProxy) => ObservedProxy): ObservedHost {
  const found = host.proxies.find(({ container }) => container.name === name);
  if (!found) throw new Error(`${name} is not there`);
  return { ...host, proxies: [...host.proxies.filter((proxy) => proxy !== found), to(found)] };
}

/** A container of the stage's, or a proxy. */
function changeAny(host: ObservedHost, id: string, to: Partial<ObservedContainer>): ObservedHost {
  const found = change(host, (container) => container.id === id, to);
  return {
    ...found,
    proxies: found.proxies.map((proxy) =>
      proxy.container.id === id ? { ...proxy, container: { ...proxy.container, ...to } } : proxy,
    ),
  };
}

function proxyContainer(proxy: DesiredProxy, networks: ObservedContainer["networks"]): ObservedContainer {
  clock += 1;
  const owner: Labels = proxy.owner
    ? { "envctl.environment": proxy.owner.environment, "envctl.stage": proxy.owner.stage }
    : {};
  return {
    name: proxy.name,
    id: `id-${clock}`,
    imageId: digestOf(proxy.driver),
    imageReference: proxy.driver,
    command: undefined,
    entrypoint: undefined,
    user: undefined,
    env: {},
    labels: { "envctl.role": "proxy", ...owner },
    ports: proxy.ports,
    mounts: [],
    stopSignal: undefined,
    stopGrace: 10_000,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "unless-stopped",
    state: "running",
    comesBack: true,
    health: "none",
    healthOutput: undefined,
    exitCode: undefined,
    error: undefined,
    outOfMemory: false,
    restartCount: 0,
    createdAt: new Date(clock),
    startedAt: new Date(clock),
    networks,
  };
}

function change(
  host: ObservedHost,
  which: (container: ObservedContainer) => boolean,
  to: Partial<ObservedContainer>,
): ObservedHost {
  return {
    ...host,
    containers: host.containers.map((container) => (which(container) ? { ...container, ...to } : container)),
  };
}

function containerOf(desired: DesiredContainer): ObservedContainer {
  clock += 1;
  const { network, aliases, ...spec } = desired.spec;
  return {
    ...spec,
    id: `id-${clock}`,
    imageId: desired.digest,
    imageReference: desired.digest,
    state: "created",
    comesBack: true,
    health: "none",
    healthOutput: undefined,
    exitCode: undefined,
    error: undefined,
    outOfMemory: false,
    restartCount: 0,
    createdAt: new Date(clock),
    startedAt: undefined,
    networks: { [network]: { address: "", aliases } },
  };
}

export function running(host: ObservedHost, role = "app"): ObservedContainer[] {
  return host.containers.filter(
    (container) => container.state === "running" && container.labels["envctl.role"] === role,
  );
}

export function digestsRunning(host: ObservedHost): (string | undefined)[] {
  return running(host).map((container) => container.labels["envctl.digest"]);
}

export function kinds(plan: StagePlan, host = 0): string[] {
  const found = plan.hosts[host];
  return found ? stepsOf(found).map((step) => step.kind) : [];
}
