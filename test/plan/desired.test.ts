import { expect, it } from "vitest";
import { desiredApp, desiredService, desiredWorkers } from "../../src/plan/desired.ts";
import { minimal, readText } from "../environment/read.ts";
import { release } from "./world.ts";

const placement = { environment: "shop", stage: "dev", generation: 1 };

/** What is made of `health` in an app, a worker and a service. */
async function healthchecks(health: string) {
  const section = (more: string) => `{ ${[more, health].filter((part) => part !== "").join(", ")} }`;
  const { environment } = await readText(
    `${minimal}app: ${section("")}\nworkers: { queue: ${section("command: queue")} }\nservices: { db: ${section("image: postgres:16")} }\nstages: { dev: {} }\n`,
  );
  const [stage] = environment?.stages ?? [];
  if (!stage) throw new Error("the file has a mistake");
  const [db] = stage.services;
  return {
    app: desiredApp(placement, stage, release("a"), {})[0]?.spec.healthcheck,
    worker: desiredWorkers(placement, stage, true, release("a"), {})[0]?.[0]?.spec.healthcheck,
    service: db && desiredService(placement, db, release("db").digest, {}).spec.healthcheck,
  };
}

it("leaves the health to the image's own HEALTHCHECK, but for workers, unless `health: false` switches it off", async () => {
  expect(await healthchecks("")).toEqual({ app: undefined, worker: "none", service: undefined });
  expect(await healthchecks("port: 8080")).toEqual({ app: undefined, worker: "none", service: undefined });
  expect(await healthchecks("health: false")).toEqual({ app: "none", worker: "none", service: "none" });
  expect(await healthchecks("port: 8080, health: false")).toEqual({ app: "none", worker: "none", service: "none" });
  const own = { command: ["up"], interval: 1000, timeout: 2000, retries: 30 };
  expect(await healthchecks("health: { command: up }")).toEqual({ app: own, worker: own, service: own });
});
