import { digestOf } from "../../src/base/digest.ts";
import type { Duration } from "../../src/base/duration.ts";
import type { Labels, ObservedContainer } from "../../src/engine/engine.ts";
import type { Environment, PortBinding, Rollout, Service, Stage, Workload } from "../../src/environment/model.ts";
import type { DesiredContainer } from "../../src/plan/desired.ts";
import type { ObservedHost, ObservedProxy } from "../../src/plan/observed.ts";
import type { HostPlan, StagePlan, Step } from "../../src/plan/plan.ts";
import { stepsOf } from "../../src/plan/plan.ts";
import type { DesiredProxy } from "../../src/plan/proxies.ts";
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
    services: [],
    proxy: undefined,
    rollout: rollout(),
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
    unhealthy: new Set(),
    proxies: [],
  };
}

/** The host after so many of the plan's steps. */
export function applied(host: ObservedHost, plan: HostPlan, steps = Number.POSITIVE_INFINITY): ObservedHost {
  return stepsOf(plan).slice(0, steps).reduce(apply, host);
}

let created = 0;

export function apply(host: ObservedHost, step: Step): ObservedHost {
  switch (step.kind) {
    case "pull":
    case "wait-healthy":
      return host;
    case "network":
      return { ...host, networks: [...host.networks, step.name] };
    case "volume":
      return { ...host, volumes: [...host.volumes, step.name] };
    case "create":
      return { ...host, containers: [...host.containers, containerOf(step.container)] };
    case "start":
      return change(host, (container) => container.name === step.container.name, {
        state: "running",
        startedAt: new Date(1),
      });
    case "stop":
      return change(host, (container) => container.id === step.container.id, { state: "exited" });
    case "remove":
      return { ...host, containers: host.containers.filter((container) => container.id !== step.container.id) };
    case "proxy":
      return changeProxy(host, step.proxy.name, (found) => ({
        driver: step.proxy.driver,
        // Its volumes outlive it.
        sites: found?.sites ?? [],
        container: proxyContainer(step.proxy, found?.container.networks ?? {}),
      }));
    case "join":
      return changeProxy(host, step.proxy, (found) => {
        if (!found) throw new Error(`${step.proxy} is not there`);
        const networks = { ...found.container.networks, [step.network]: { address: "", aliases: [] } };
        return { ...found, container: { ...found.container, networks } };
      });
    case "route":
      return changeProxy(host, step.proxy.name, (found) => {
        if (!found) throw new Error(`${step.proxy.name} is not there`);
        const others = found.sites.filter((site) => site.id !== step.id);
        return { ...found, sites: step.site ? [...others, step.site] : others };
      });
    case "leave":
      return {
        ...host,
        proxies: host.proxies.map((proxy) => {
          if (proxy.container.name !== step.proxy) return proxy;
          const { [step.network]: _left, ...networks } = proxy.container.networks;
          return { ...proxy, container: { ...proxy.container, networks } };
        }),
      };
    case "drain":
      return host;
    case "remove-proxy":
      return { ...host, proxies: host.proxies.filter(({ container }) => container.id !== step.container.id) };
  }
}

function changeProxy(
  host: ObservedHost,
  name: string,
  to: (found: ObservedProxy | undefined) => ObservedProxy,
): ObservedHost {
  const found = host.proxies.find(({ container }) => container.name === name);
  return { ...host, proxies: [...host.proxies.filter((proxy) => proxy !== found), to(found)] };
}

function proxyContainer(proxy: DesiredProxy, networks: ObservedContainer["networks"]): ObservedContainer {
  created += 1;
  const owner: Labels = proxy.owner
    ? { "envctl.environment": proxy.owner.environment, "envctl.stage": proxy.owner.stage }
    : {};
  return {
    name: proxy.name,
    id: `id-${created}`,
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
    health: "none",
    healthOutput: undefined,
    exitCode: undefined,
    error: undefined,
    outOfMemory: false,
    restartCount: 0,
    createdAt: new Date(created),
    startedAt: new Date(1),
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
  created += 1;
  const { network, aliases, ...spec } = desired.spec;
  return {
    ...spec,
    id: `id-${created}`,
    imageId: desired.digest,
    imageReference: desired.digest,
    state: "created",
    health: "none",
    healthOutput: undefined,
    exitCode: undefined,
    error: undefined,
    outOfMemory: false,
    restartCount: 0,
    createdAt: new Date(created),
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
