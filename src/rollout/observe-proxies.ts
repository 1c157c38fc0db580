import { type Engine, Label, type ObservedContainer } from "../engine/engine.ts";
import type { ObservedProxy } from "../plan/observed.ts";
import { servedSites } from "../plan/standby.ts";
import { currentState } from "./known-sites.ts";
import { proxyLabels } from "./proxy-state.ts";

interface Place {
  readonly environment: string;
  readonly stage: string;
}

/** All proxies of a host; with a stage, only the sites of those that may serve it: its own, and those that stages share. */
export async function observeProxies(
  engine: Engine,
  place: Place | undefined,
  signal?: AbortSignal,
): Promise<ObservedProxy[]> {
  const containers = await engine.containers(proxyLabels, signal);
  return await Promise.all(
    containers.map(async (container) => ({
      container,
      driver: container.labels[Label.proxyDriver] ?? "",
      sites:
        place && isAnothersOwn(container, place)
          ? []
          : servedSites((await currentState(engine, container, signal)).state),
    })),
  );
}

function isAnothersOwn({ labels }: ObservedContainer, { environment, stage }: Place): boolean {
  const owner = labels[Label.stage];
  return owner !== undefined && !(owner === stage && labels[Label.environment] === environment);
}
