import type { ObservedContainer, PortMapping } from "../engine/engine.ts";
import { ownProxyName } from "./naming.ts";
import { isRunning, type ObservedHost } from "./observed.ts";
import type { HostPlan } from "./plan.ts";

/** A port that a service is to have, and that the stage's own app, worker or proxy still has when the service starts. */
export interface PassingPort {
  readonly port: number;
  readonly service: string;
  readonly holder: ObservedContainer;
}

/**
 * Services start before anything of the release is touched: what serves now keeps its ports for that long. One of them that
 * passes to a service would fail there, each time anew.
 */
export function passingPort(
  host: ObservedHost,
  { prepare }: Pick<HostPlan, "prepare">,
  place: { readonly environment: string; readonly stage: string },
): PassingPort | undefined {
  const stopped = new Set<string>();
  const own = host.proxies.map(({ container }) => container).filter(({ name }) => name === ownProxyName(place));
  const services = new Map<string, { readonly service: string; readonly ports: readonly PortMapping[] }>();
  for (const step of prepare) {
    if (step.kind === "stop") stopped.add(step.container.id);
    if (step.kind === "create" && step.container.role === "service") {
      const { workload, spec } = step.container;
      services.set(spec.name, { service: workload.name, ports: spec.ports });
    }
    const starting = step.kind === "start" ? services.get(step.container.name) : undefined;
    for (const holder of [...host.containers, ...own]) {
      const isHeld = isRunning(holder) && !stopped.has(holder.id);
      const port = isHeld && starting?.ports.find((wanted) => holder.ports.some((held) => isOne(held, wanted)));
      if (port && starting) return { port: port.hostPort, service: starting.service, holder };
    }
  }
  return undefined;
}

/** Two addresses of a host each have the port; no address is all of them. */
function isOne(left: PortMapping, right: PortMapping): boolean {
  const everywhere = ({ address }: PortMapping) => address === undefined || address === "0.0.0.0" || address === "::";
  return (
    left.hostPort === right.hostPort &&
    left.protocol === right.protocol &&
    (everywhere(left) || everywhere(right) || left.address === right.address)
  );
}
