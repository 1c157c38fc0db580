import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { AppContainer } from "../../src/dev/app-container.ts";
import { ContainerWork, type WorkSurroundings } from "../../src/dev/container-work.ts";
import type { DevEvent } from "../../src/dev/dev-event.ts";
import { stage, workload } from "../plan/world.ts";

function surroundings(told: DevEvent[], signal: AbortSignal): WorkSurroundings {
  return {
    files: () => undefined,
    options: () => ({
      stage: stage({ app: workload({ health: undefined }) }),
      place: { environment: "shop", stage: "dev" },
      clock: systemClock,
      listener: (event) => void told.push(event),
      redact: (text) => text,
      signal,
    }),
    freshHolds: () => "unknown",
    busybox: async () => "busybox",
    version: () => 1,
    onReady: () => {},
    onUnsettled: () => {},
    onStuck: () => {},
    onChange: () => {},
  };
}

/** A container whose restarts end when they are told to. */
function slowContainer() {
  const restarts: (() => void)[] = [];
  const container = {
    busy: false,
    observed: { name: "app", labels: {} },
    engine: { name: "local" },
    close: async () => {},
    restart: () =>
      new Promise<{ killed: boolean }>((resolve) => {
        restarts.push(() => resolve({ killed: false }));
      }),
  };
  return { container: container as unknown as AppContainer, restarts };
}

it("a restart that is asked for in the midst of something else comes once that is done, and once", async () => {
  const told: DevEvent[] = [];
  const work = new ContainerWork(surroundings(told, new AbortController().signal));
  const { container, restarts } = slowContainer();
  work.restart(container);
  await expect.poll(() => restarts.length).toBe(1);
  work.restart(container);
  work.restart(container);
  restarts[0]?.();
  await expect.poll(() => restarts.length).toBe(2);
  restarts[1]?.();
  await work.end();
  expect(restarts).toHaveLength(2);
  expect(told.filter(({ type }) => type === "restarted")).toHaveLength(2);
});

it("no restart begins once all is to end", async () => {
  const stop = new AbortController();
  const work = new ContainerWork(surroundings([], stop.signal));
  const { container, restarts } = slowContainer();
  work.restart(container);
  await expect.poll(() => restarts.length).toBe(1);
  work.restart(container);
  stop.abort();
  restarts[0]?.();
  await work.end();
  expect(restarts).toHaveLength(1);
});
