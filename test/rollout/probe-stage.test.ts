import { expect, it } from "vitest";
import { milliseconds } from "../../src/base/duration.ts";
import type { Engine, ObservedContainer } from "../../src/engine/engine.ts";
import { probeStage } from "../../src/rollout/probe-stage.ts";
import { emptyHost, stage, workload } from "../plan/world.ts";

const timing = { interval: milliseconds(1000), timeout: milliseconds(60_000), retries: 3 };
const shop = stage({ app: workload({ health: { kind: "http", port: 8080, path: "/", ...timing } }) });
const container = {
  ...{ id: "1", name: "shop-test-app", state: "running", ports: [], networks: { shop: { address: "10.0.0.2" } } },
  labels: { "envctl.role": "app", "envctl.workload": "app" },
} as unknown as ObservedContainer;
const observed = { ...emptyHost("a"), containers: [container] };
/** Takes a connection and never answers. */
const engine = {
  name: "a",
  dial: (_address: string, _port: number, signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
} as unknown as Engine;

it("ends with its interruption, which says nothing of how a container is", async () => {
  const controller = new AbortController();
  const probed = probeStage(engine, observed, shop, controller.signal);
  controller.abort(new Error("interrupted"));
  await expect(probed).rejects.toThrow("interrupted");
});

it("waits no longer than whoever looks is ready to, and says how long that was", async () => {
  const probed = await probeStage(engine, observed, shop, new AbortController().signal, 50);
  expect(probed.get("1")).toEqual({ health: "unhealthy", note: "GET / did not answer within 50ms" });
});
