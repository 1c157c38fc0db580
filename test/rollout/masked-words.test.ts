import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { EnvctlError } from "../../src/base/errors.ts";
import { Progress, silent } from "../../src/base/progress.ts";
import type { ContainerSpec, Engine, ObservedContainer } from "../../src/engine/engine.ts";
import type { Health } from "../../src/environment/model.ts";
import { waitUntilHealthy } from "../../src/rollout/health.ts";
import { runOneOff } from "../../src/rollout/one-off.ts";
import { untilUnhealthy } from "../../src/rollout/watch-health.ts";

const { signal } = new AbortController();
const secretNames = ["DATABASE_URL", "NOT_GIVEN"];
const secret = "postgres://shop:hush-hush@db/shop";
const env = { DATABASE_URL: secret, LOG_LEVEL: "debug" };
const words = `debug: cannot connect to ${secret}`;
const masked = "debug: cannot connect to ***";

/** One container that tells its secret wherever it can, to whoever looks. */
const said: Partial<ObservedContainer> = { state: "running", health: "unhealthy", healthOutput: words };
const container = { id: "1", env, ...said } as ObservedContainer;
const engine = {
  name: "prod1",
  container: async () => container,
  createContainer: async () => "1",
  startContainer: async () => {},
  removeContainer: async () => {},
  waitForExit: async () => 3,
  events: async () => (async function* () {})(),
  logs: async function* () {
    yield { text: words };
  },
} as unknown as Engine;

it("why a release is unhealthy is told without its secrets: the reason is recorded, and sent to others", async () => {
  const wait = { engine, name: "shop-1", labels: {}, health: undefined, secretNames, timeout: 1000 };
  const error: EnvctlError = await waitUntilHealthy({ ...wait, clock: systemClock, progress: silent, signal }).then(
    () => expect.fail("it is not healthy"),
    (thrown) => thrown,
  );
  expect(error.message).toBe(`shop-1 did not become healthy: its health check fails: ${masked}`);
  expect(error.evidence).toEqual(["its last output:", `  ${masked}`]);
});

it("what its health check said last is shown where the time is over before the engine counts it as unhealthy", async () => {
  const health = { kind: "command", command: ["check"], interval: 20, timeout: 20, retries: 3 } as unknown as Health;
  const starting = {
    ...engine,
    container: async () => ({ ...container, health: "starting", healthOutput: `one\n${words}\n` }),
  } as unknown as Engine;
  const wait = { engine: starting, name: "shop-1", labels: {}, health, secretNames, timeout: 1000 };
  await expect(waitUntilHealthy({ ...wait, clock: systemClock, progress: silent, signal })).rejects.toMatchObject({
    message: "shop-1 did not become healthy: within 60ms: its health check has not passed yet",
    evidence: ["its health check said:", "  one", `  ${masked}`, "its last output:", `  ${masked}`],
  });
});

it("so is why a canary is", async () => {
  const clock = { ...systemClock, wait: async () => {} };
  const target = { name: "shop-1", health: undefined } as Parameters<typeof untilUnhealthy>[1];
  expect(await untilUnhealthy({ engine, secretNames }, target, clock, signal)).toBe(masked);
});

it("what a task prints is shown without its secrets, as it comes and where the task fails", async () => {
  const shown: string[] = [];
  const progress = new Progress((event) => {
    if (event.type === "step-output") shown.push(event.line);
  });
  const run = { engine, spec: { env } as unknown as ContainerSpec, secretNames, task: "migrate", timeout: 1000 };
  const running = progress.step("task migrate", (at) => runOneOff({ ...run, progress: at, signal }));
  await expect(running).rejects.toMatchObject({
    evidence: ["its last output:", `  ${masked}`],
  });
  expect(shown).toEqual([masked]);
});
