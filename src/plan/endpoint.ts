import { milliseconds } from "../base/duration.ts";
import { isObject, parseJson } from "../base/json.ts";
import { Label, type ObservedContainer } from "../engine/engine.ts";
import type { Health, Workload } from "../environment/model.ts";
import { isUrlPath } from "../environment/read-workload.ts";

/** Where a program listens, and how it is told that it serves. */
export type Endpoint = Pick<Workload, "port" | "health">;

/** The environment file may say otherwise by the time a container is asked: so it carries what was said when it was made. */
export function endpointLabel({ port, health }: Endpoint): string {
  if (health?.kind !== "command") return JSON.stringify({ port, health });
  // The command itself is the engine's, which keeps it with the container.
  return JSON.stringify({ port, health: { kind: health.kind } });
}

/** As the container's label has it; as the file has it now (`wanted`) where the two are the same, or where there is no label. */
export function endpointOf(container: ObservedContainer, wanted: Endpoint): Endpoint {
  const own = ownEndpoint(container);
  // How long to be patient is no matter of the container's.
  return own && !isSameEndpoint(own, wanted) ? own : wanted;
}

/** True also of a container that has no such label: nothing is known against it. */
export function hasEndpoint(container: ObservedContainer, wanted: Endpoint): boolean {
  return endpointOf(container, wanted) === wanted;
}

/** Which port of a container is meant by one that the file names: the app's own may be another in this one. */
export function portIn(container: ObservedContainer, wanted: Endpoint, port: number): number {
  return port === wanted.port ? (endpointOf(container, wanted).port ?? port) : port;
}

/** What the container's label says; undefined where it has none, or one that somebody else wrote. */
export function ownEndpoint(container: ObservedContainer): Endpoint | undefined {
  const value = parseJson(container.labels[Label.endpoint] ?? "");
  if (!isObject(value) || (value.port !== undefined && !isPort(value.port))) return undefined;
  if (value.health === undefined) return { port: value.port, health: undefined };
  const health = readHealth(value.health, container);
  return health && { port: value.port, health };
}

/** For people, in a few words; undefined where nothing is asked. */
export function describeHealth(health: Health | undefined): string | undefined {
  switch (health?.kind) {
    case "http":
      return `GET :${health.port}${health.path}`;
    case "tcp":
      return `connect :${health.port}`;
    case "command":
      return "command";
    case undefined:
      return undefined;
  }
}

function isSameEndpoint(left: Endpoint, right: Endpoint): boolean {
  return left.port === right.port && describeHealth(left.health) === describeHealth(right.health);
}

function readHealth(value: unknown, { healthcheck }: ObservedContainer): Health | undefined {
  if (!isObject(value)) return undefined;
  const { kind, path, port } = value;
  if (kind === "command") {
    if (healthcheck === undefined || healthcheck === "none") return undefined;
    return { kind, command: healthcheck.command, ...timingOf(healthcheck) };
  }
  const { interval, timeout, retries } = value;
  if (!isCount(interval) || !isCount(timeout) || !isCount(retries) || !isPort(port)) return undefined;
  const timing = timingOf({ interval, timeout, retries });
  if (kind === "tcp") return { kind, port, ...timing };
  return kind === "http" && typeof path === "string" && isUrlPath(path) ? { kind, path, port, ...timing } : undefined;
}

function timingOf({ interval, timeout, retries }: { interval: number; timeout: number; retries: number }) {
  return { interval: milliseconds(interval), timeout: milliseconds(timeout), retries };
}

function isPort(value: unknown): value is number {
  return isCount(value) && value > 0 && value < 65_536;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
