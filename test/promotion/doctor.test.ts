import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { examine } from "../../src/promotion/doctor.ts";
import type { Workspace } from "../../src/rollout/workspace.ts";
import { environment, stage } from "../plan/world.ts";

/** With one host, whose engine takes every request and answers none. */
function silentHost(signal: AbortSignal): Workspace {
  const never = (limit: AbortSignal) =>
    new Promise<never>((_, reject) => limit.addEventListener("abort", () => reject(limit.reason)));
  const workspace = {
    environment: environment([stage()], { directory: "/nowhere" }),
    ...{ clock: systemClock, variables: {}, progress: silent, signal },
    connections: {
      engine: async () => ({ name: "a", describe: never }) as unknown as Engine,
      repository: async () => {
        throw new Error("no registry");
      },
    },
  };
  return workspace as unknown as Workspace;
}

it("says how long it has waited for a host that does not answer", async () => {
  const findings = await examine(silentHost(new AbortController().signal), 30);
  expect(findings).toContainEqual({
    ...{ what: "host a", verdict: "failed", detail: "no answer within 30ms" },
    next: "look whether it is up; --host-timeout waits longer",
  });
});

it("ends with its interruption: what was not tried is no finding", async () => {
  const controller = new AbortController();
  const examined = examine(silentHost(controller.signal), 60_000);
  controller.abort(new Error("interrupted"));
  await expect(examined).rejects.toThrow("interrupted");
});
