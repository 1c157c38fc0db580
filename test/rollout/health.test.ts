import { connect, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { milliseconds } from "../../src/base/duration.ts";
import { silent } from "../../src/base/progress.ts";
import type { Engine, ObservedContainer } from "../../src/engine/engine.ts";
import type { Health } from "../../src/environment/model.ts";
import { waitUntilHealthy } from "../../src/rollout/health.ts";

const { signal } = new AbortController();
const timing = { interval: milliseconds(20), timeout: milliseconds(1000), retries: 5 };
const health: Health = { kind: "tcp", port: 8080, ...timing };

let server: Server;
beforeAll(() => new Promise<void>((resolve) => (server = createServer().listen(0, "127.0.0.1", resolve))));
afterAll(() => server.close());

/** A container whose own HEALTHCHECK passes after a while. */
function engineWith(imageHealthyAfter: number, listens: boolean): Engine {
  const started = performance.now();
  const networks = { shop: { address: "127.0.0.1" } };
  const container = async () =>
    ({
      ...{ id: "1", env: {}, state: "running", restartCount: 0, networks, ports: [] },
      health: performance.now() - started < imageHealthyAfter ? "starting" : "healthy",
    }) as unknown as ObservedContainer;
  const dial = async () => {
    if (!listens) throw new Error("refused");
    const address = server.address();
    return connect(typeof address === "object" && address ? address.port : 0, "127.0.0.1");
  };
  return { name: "prod1", container, dial, logs: async function* () {} } as unknown as Engine;
}

describe("a container with a port, and an image with a HEALTHCHECK of its own", () => {
  const wait = { name: "shop-1", labels: {}, health, secretNames: [], clock: systemClock, progress: silent, signal };

  it("has the rollout's time for the HEALTHCHECK, whose interval may be longer than all tries of the port", async () => {
    await waitUntilHealthy({ ...wait, engine: engineWith(800, true), timeout: 5000 });
  });

  it("has no more time than its tries to answer on the port", async () => {
    await expect(waitUntilHealthy({ ...wait, engine: engineWith(0, false), timeout: 5000 })).rejects.toThrow(
      "within 100ms: connecting to port 8080: refused",
    );
  });

  it("is unhealthy where the HEALTHCHECK has not passed in the rollout's time", async () => {
    await expect(waitUntilHealthy({ ...wait, engine: engineWith(5000, true), timeout: 500 })).rejects.toThrow(
      "within 500ms: its health check has not passed yet",
    );
  });
});
