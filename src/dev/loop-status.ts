import type { AppContainer } from "./app-container.ts";
import type { DevStatus } from "./dev-event.ts";

interface LoopFacts extends Pick<DevStatus, "stage" | "release" | "lastSync" | "p95" | "url" | "failed"> {
  readonly deploying: boolean;
  /** Those that run the release. */
  readonly apps: readonly Pick<AppContainer, "busy" | "health" | "different">[];
}

/** The loop's state in the terms in which it is shown: of several containers, the one that is worst off counts. */
export function statusOf({ deploying, apps, ...facts }: LoopFacts): DevStatus {
  const health = apps.map((app) => app.health);
  const busy = apps.some((app) => app.busy);
  return {
    ...facts,
    different: Math.max(0, ...apps.map((app) => app.different)),
    activity: deploying ? "building" : health.includes("starting") ? "restarting" : busy ? "syncing" : "idle",
    health: apps.length === 0 ? "down" : (health.find((one) => one !== "healthy") ?? "healthy"),
  };
}
