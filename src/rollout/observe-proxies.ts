import { type Engine, Label, type Labels, type ObservedContainer } from "../engine/engine.ts";
import type { ObservedProxy } from "../plan/observed.ts";
import { servedSites } from "../plan/turns.ts";
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
    containers.map(async (container) =>
      place && isAnothersOwn(container, place)
        ? { container, driver: driverOf(container), sites: [] }
        : await observed(engine, container, signal),
    ),
  );
}

/** Those that may serve a stage, and run. */
export async function observeServingProxies(
  engine: Engine,
  place: Place,
  signal?: AbortSignal,
): Promise<ObservedProxy[]> {
  const choice = { running: true, where: (labels: Labels) => !isAnothersOwn({ labels }, place) };
  return await Promise.all(
    (await engine.containers(proxyLabels, signal, choice)).map((container) => observed(engine, container, signal)),
  );
}

async function observed(engine: Engine, container: ObservedContainer, signal?: AbortSignal): Promise<ObservedProxy> {
  const { state } = await currentState(engine, container, signal);
  return { container, driver: driverOf(container), sites: servedSites(state) };
}

function driverOf({ labels }: ObservedContainer): string {
  return labels[Label.proxyDriver] ?? "";
}

function isAnothersOwn({ labels }: Pick<ObservedContainer, "labels">, { environment, stage }: Place): boolean {
  const owner = labels[Label.stage];
  return owner !== undefined && !(owner === stage && labels[Label.environment] === environment);
}
