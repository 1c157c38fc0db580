import type { Engine, LogLine, ObservedContainer } from "../engine/engine.ts";
import { isRunning, roleOf, workloadOf } from "../plan/observed.ts";
import { servingApp } from "../plan/serving.ts";
import { stageLabels } from "./observe.ts";
import { observeProxies } from "./observe-proxies.ts";

/** A container of a stage, and the engine that runs it. */
export interface StageContainer {
  readonly engine: Engine;
  readonly container: ObservedContainer;
}

export interface LogRequest {
  readonly follow: boolean;
  readonly tail: number | undefined;
  readonly since: string | undefined;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

/** The stage's containers of one workload (or all), those that serve first; stopped ones only where nothing runs. */
export async function stageContainers(
  engines: readonly Engine[],
  place: { readonly environment: string; readonly stage: string },
  workload: string | undefined,
  signal: AbortSignal,
): Promise<StageContainer[]> {
  const hosts = await Promise.all(
    engines.map(async (engine) => {
      const [all, proxies] = await Promise.all([
        engine.containers(stageLabels(place.environment, place.stage), signal),
        observeProxies(engine, place, signal),
      ]);
      const mine = all.filter(
        (found) => roleOf(found) !== "task" && (workload === undefined || workloadOf(found) === workload),
      );
      const serving = new Set(servingApp({ containers: all, proxies }, place));
      const running = mine
        .filter(isRunning)
        .sort((left, right) => Number(serving.has(right)) - Number(serving.has(left)));
      const newest = [...mine].sort((left, right) => right.createdAt.getTime() - left.createdAt.getTime()).slice(0, 1);
      return (running.length > 0 ? running : newest).map((container) => ({ engine, container }));
    }),
  );
  return hosts.flat();
}

/** Reads the logs of several containers at once; lines come as they arrive. Ends when all have, or at the signal. */
export async function readLogs(
  containers: readonly StageContainer[],
  request: LogRequest,
  write: (from: StageContainer, line: LogLine) => void,
): Promise<void> {
  const results = await Promise.allSettled(
    containers.map(async (from) => {
      for await (const line of from.engine.logs(from.container.id, request)) write(from, line);
    }),
  );
  request.signal.throwIfAborted();
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
