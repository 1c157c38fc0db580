import type { MountSpec, PortMapping } from "../engine/engine.ts";
import { whyLeaving } from "./home.ts";
import type { HostWish } from "./host-wish.ts";
import { isRunning, type ObservedHost, roleOf, workloadOf } from "./observed.ts";
import { existing, type StopStep } from "./plan.ts";
import type { Replacement } from "./replace.ts";

/** What only one container can have at a time. */
interface Needs {
  readonly ports: readonly PortMapping[];
  readonly mounts: readonly MountSpec[];
}

/**
 * Stops of services that have what something else is to have now: those that do not belong there, or are named otherwise now,
 * and others that are replaced and give a port away. All else of theirs goes on until it is tidied up.
 */
export function roomFor(
  host: ObservedHost,
  wish: Pick<HostWish, "stage" | "services">,
  needs: Needs,
  others: readonly Replacement[],
): StopStep[] {
  const named = new Set(wish.services.map(({ service }) => service.name));
  const leaving = host.containers.filter(
    (container) => roleOf(container) === "service" && isRunning(container) && !named.has(workloadOf(container)),
  );
  return [
    ...leaving
      .filter((container) => clash(container.ports, needs.ports) || writesInto(container.mounts, needs.mounts))
      .map((container): StopStep => {
        const why = whyLeaving(wish.stage, container);
        return { kind: "stop", container: existing(container), why, health: undefined };
      }),
    ...others.flatMap(({ replaced, stops }) =>
      replaced
        .filter((container) => clash(container.ports, needs.ports))
        .flatMap(({ id }) => stops.filter((step) => step.container.id === id)),
    ),
  ];
}

/** True where both want one port of the host. */
export function clash(left: readonly PortMapping[], right: readonly PortMapping[]): boolean {
  return left.some((one) => right.some((other) => one.hostPort === other.hostPort && one.protocol === other.protocol));
}

/** Two may read the same data, but not where either of them changes it. */
function writesInto(left: readonly MountSpec[], right: readonly MountSpec[]): boolean {
  return left.some((one) =>
    right.some((other) => one.kind === other.kind && one.source === other.source && !(one.readOnly && other.readOnly)),
  );
}
