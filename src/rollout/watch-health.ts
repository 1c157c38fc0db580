import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { ObservedContainer } from "../engine/engine.ts";
import type { ServingContainer } from "../plan/plan.ts";
import { redactorOf } from "../secrets/redactor.ts";
import type { HostWorker } from "./host-worker.ts";
import { probe } from "./probe.ts";

/** Checks that may fail one after the other before a container counts as unhealthy. */
const toleratedFailures = 3;
/** Between two looks where the environment file has no health check. Milliseconds. */
const usualInterval = 1000;

/**
 * Looks at a container that was healthy again and again. Resolves with what is wrong as soon as it exits or is restarted,
 * or fails three checks in a row; with undefined at the signal.
 */
export async function untilUnhealthy(
  worker: Pick<HostWorker, "engine" | "secretNames">,
  target: ServingContainer,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { health } = target;
  let restarts: number | undefined;
  for (let failures = 0; !signal.aborted; ) {
    const found = await look(worker, target, signal);
    if (signal.aborted) break;
    if ("container" in found) {
      const { container } = found;
      if (container?.state !== "running") return stateText(container);
      restarts ??= container.restartCount;
      if (container.restartCount > restarts) return `it was restarted ${container.restartCount - restarts} times`;
    }
    failures = found.wrong === undefined ? 0 : failures + 1;
    if (found.wrong !== undefined && failures >= toleratedFailures) return found.wrong;
    await clock.wait(health?.interval ?? usualInterval, signal).catch(() => {});
  }
  return undefined;
}

type Look =
  | { readonly container: ObservedContainer | undefined; readonly wrong: string | undefined }
  /** The engine did not answer: that says nothing of the container, unless it goes on. */
  | { readonly wrong: string };

async function look(
  { engine, secretNames }: Pick<HostWorker, "engine" | "secretNames">,
  { name, health }: ServingContainer,
  signal: AbortSignal,
): Promise<Look> {
  try {
    const container = await engine.container(name, signal);
    if (container?.state !== "running") return { container, wrong: undefined };
    if (container.health === "unhealthy") {
      const said = redactorOf(container.env, secretNames).redact(container.healthOutput ?? "");
      return { container, wrong: said.trim() || "its health check fails" };
    }
    const probed = health?.kind === "http" || health?.kind === "tcp";
    return { container, wrong: probed ? await probe(engine, container, health, signal) : undefined };
  } catch (error) {
    return { wrong: messageOf(error) };
  }
}

function stateText(container: ObservedContainer | undefined): string {
  if (!container) return "it is gone";
  if (container.outOfMemory) return "it ran out of memory and was killed";
  const code = container.exitCode === undefined ? "" : ` with code ${container.exitCode}`;
  return container.state === "exited" || container.state === "restarting" || container.state === "dead"
    ? `it exited${code}`
    : `it is ${container.state}`;
}
