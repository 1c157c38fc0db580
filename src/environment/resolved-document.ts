import { formatDuration } from "../base/duration.ts";
import type { Auto } from "./auto.ts";
import { gatesDocument } from "./gates-document.ts";
import { mask, maskEnv } from "./mask.ts";
import type {
  Canary,
  DevSettings,
  Environment,
  Health,
  PortBinding,
  ProxyTls,
  Service,
  Stage,
  StageProxy,
  Workload,
} from "./model.ts";
import type { Notification } from "./notification.ts";
import { verificationDocument } from "./resolved-checks.ts";

/** What is in force, in the words of the environment file, with all defaults; values that look secret are masked. */
export function resolvedDocument(environment: Environment, stageName: string | undefined): unknown {
  const { image } = environment;
  const stages = environment.stages.filter((stage) => stageName === undefined || stage.name === stageName);
  return {
    name: environment.name,
    image: {
      repository: repositoryText(image),
      context: image.context,
      dockerfile: image.dockerfile,
      ...(image.target === undefined ? {} : { target: image.target }),
      args: maskEnv(image.args),
      secrets: image.secrets,
      platforms: image.platforms,
    },
    tasks: Object.fromEntries(
      environment.tasks.map(({ name, command, when, timeout }) => [
        name,
        { command, when, timeout: formatDuration(timeout) },
      ]),
    ),
    dev: devDocument(environment.dev),
    notify: environment.notify.map(notificationDocument),
    stages: Object.fromEntries(stages.map((stage) => [stage.name, stageDocument(stage)])),
  };
}

/** The address of a web hook may be a secret in itself, and so may what a program is given. */
function notificationDocument(notification: Notification) {
  const { name, events, stages } = notification;
  const target =
    notification.kind === "command"
      ? { command: notification.command.length > 1 ? [notification.command[0], mask] : notification.command }
      : {
          webhook: `${new URL(notification.url).origin}/${mask}`,
          secret: notification.secret,
          body: notification.body,
        };
  return withoutUndefined({ name, ...withoutUndefined(target), on: events, stages });
}

function devDocument(dev: DevSettings) {
  return withoutUndefined({
    sync: dev.sync,
    rules: dev.rules.map(({ position: _, ...rule }) => withoutUndefined(rule)),
    command: dev.command,
    entrypoint: dev.entrypoint,
    env: maskEnv(dev.env),
    ports: dev.ports.map(portText),
    reload: dev.reload?.port ?? false,
  });
}

/** One stage with all that is in force there. */
export function stageDocument(stage: Stage) {
  const { rollout } = stage;
  return {
    after: stage.after,
    hosts: stage.hosts.map((host) => host.name),
    repository: repositoryText(stage.repository),
    replicas: stage.app.replicas,
    app: workloadDocument(stage.app),
    workers: Object.fromEntries(
      stage.workers.map((worker) => [
        worker.name,
        { hosts: worker.place, replicas: worker.replicas, ...workloadDocument(worker) },
      ]),
    ),
    services: Object.fromEntries(stage.services.map((service) => [service.name, serviceDocument(service)])),
    proxy: stage.proxy ? proxyDocument(stage.proxy) : false,
    rollout: {
      strategy: rollout.strategy,
      batch: rollout.batch,
      max_unavailable: rollout.maxUnavailable,
      pause: formatDuration(rollout.pause),
      on_failure: rollout.onFailure,
      keep: rollout.keep,
      timeout: formatDuration(rollout.timeout),
      ...(rollout.strategy === "canary" ? { canary: canaryDocument(rollout.canary) } : {}),
    },
    auto: autoDocument(stage.auto),
    ...(stage.after.length === 0 ? {} : { gates: gatesDocument(stage.gates) }),
    verify: verificationDocument(stage.verify),
  };
}

function autoDocument(auto: Auto | undefined) {
  if (auto?.kind === "branch") return { branch: auto.branch };
  return auto?.tags === undefined ? auto !== undefined : { tags: auto.tags };
}

function canaryDocument(canary: Canary) {
  return {
    ...(canary.weights.length > 0 ? { weight: canary.weights } : { hosts: canary.hosts }),
    bake: formatDuration(canary.bake),
    max_error_rate: canary.maxErrorRate,
    min_requests: canary.minRequests,
  };
}

function proxyDocument(proxy: StageProxy) {
  const { tls } = proxy;
  return withoutUndefined({
    driver: proxy.driver,
    image: proxy.imageText,
    domains: proxy.domains,
    ...(proxy.domains.length > 0
      ? { http_port: proxy.httpPort, https_port: proxy.httpsPort, tls: tlsDocument(tls) }
      : {}),
    ports: proxy.ports.map(portText),
    path: proxy.path,
    strip_path: proxy.stripPath,
    max_body: proxy.maxBody,
    response_timeout: formatDuration(proxy.responseTimeout),
    drain: formatDuration(proxy.drain),
    trusted_proxies: proxy.trustedProxies.length > 0 ? proxy.trustedProxies : undefined,
    access_log: proxy.accessLog,
    error_page: proxy.errorPage === undefined ? undefined : "<a page>",
    maintenance_page: proxy.maintenancePage === undefined ? undefined : "<a page>",
  });
}

function tlsDocument(tls: ProxyTls) {
  const { kind, ...rest } = tls;
  return Object.values(rest).some((value) => value !== undefined) ? withoutUndefined(rest) : kind;
}

function serviceDocument(service: Service) {
  return { image: service.imageText, ...workloadDocument(service) };
}

function workloadDocument(workload: Workload) {
  const secrets = Object.fromEntries(workload.secrets.map((name) => [name, "<secret>"]));
  return withoutUndefined({
    command: workload.command,
    entrypoint: workload.entrypoint,
    user: workload.user,
    port: workload.port,
    ports: workload.ports.map(portText),
    env: { ...maskEnv(workload.env), ...secrets },
    volumes: workload.volumes.map((mount) => `${mount.source}:${mount.target}${mount.readOnly ? ":ro" : ""}`),
    health: workload.health ? healthDocument(workload.health) : workload.imageHealth ? undefined : false,
    stop: withoutUndefined({ signal: workload.stop.signal, grace: formatDuration(workload.stop.grace) }),
    resources: withoutUndefined({ ...workload.resources }),
  });
}

function healthDocument(health: Health) {
  const { interval, timeout, retries } = health;
  const timing = { interval: formatDuration(interval), timeout: formatDuration(timeout), retries };
  if (health.kind === "http") return { path: health.path, port: health.port, ...timing };
  return health.kind === "tcp" ? { tcp: health.port, ...timing } : { command: health.command, ...timing };
}

function portText(port: PortBinding): string {
  const address =
    port.address === undefined ? "" : `${port.address.includes(":") ? `[${port.address}]` : port.address}:`;
  return `${address}${port.hostPort}:${port.containerPort}${port.protocol === "udp" ? "/udp" : ""}`;
}

function repositoryText(repository: { readonly registry: string | undefined; readonly path: string }): string {
  return repository.registry === undefined ? repository.path : `${repository.registry}/${repository.path}`;
}

function withoutUndefined(document: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined));
}
