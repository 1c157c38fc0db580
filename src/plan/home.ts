import type { ObservedContainer } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { roleOf, workloadOf } from "./observed.ts";

/**
 * Of a service or worker that does not belong on a host: where it runs instead, which is the stage's first host alone;
 * undefined where the file no longer has it.
 */
export function homeOf({ services, workers, hosts }: Stage, container: ObservedContainer): string | undefined {
  const named = roleOf(container) === "service" ? services : workers;
  return named.some(({ name }) => name === workloadOf(container)) ? hosts[0]?.name : undefined;
}

/** Why it does not belong there. */
export function whyLeaving(stage: Stage, container: ObservedContainer): string {
  const home = homeOf(stage, container);
  return home === undefined ? "no longer in the environment file" : `it runs on ${home} alone`;
}
