import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { Stage } from "../../src/environment/model.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { describePlan } from "../../src/plan/words.ts";
import { applied, emptyHost, environment, port, release, rollout, stage, stageProxy, workload } from "./world.ts";

function planOf(place: Stage, name: string, hosts: readonly ObservedHost[]) {
  return planStage(
    { environment: environment([place]), stage: place, release: release(name), pins: {}, secrets: {} },
    hosts,
  );
}

/** Notes of the plan that brings release two to where release one runs as `before` has it. */
function change(before: Stage, after = before) {
  const hosts = after.hosts.map(({ name }) => emptyHost(name));
  const first = planOf(before, "one", hosts);
  return describePlan(
    planOf(
      after,
      "two",
      hosts.map((host, index) => applied(host, first.hosts[index]!)),
    ),
  ).slice(1);
}

const proxied = (strategy: Stage["rollout"]["strategy"], weights: readonly number[] = [], accessLog = true) =>
  stage({
    proxy: stageProxy({ domains: ["shop.test"], path: "/shop", accessLog }),
    rollout: rollout({
      strategy,
      canary: { weights, hosts: 1, bake: 60_000 as Duration, maxErrorRate: 2, minRequests: 1 },
    }),
  });

describe("a plan in words", () => {
  it("first release: what is made, and no word of a strategy", () => {
    expect(describePlan(planOf(proxied("canary", [10]), "one", [emptyHost("a")])).slice(1)).toEqual([
      "  a",
      expect.stringMatching(/^ {4}pull shop one \([0-9a-f]{12}\)$/),
      "    make network shop-test",
      "    start proxy envctl-proxy (caddy)",
      "    let envctl-proxy reach shop-test",
      "    create shop-test-app-one-1",
      "    start shop-test-app-one-1",
      "    wait until shop-test-app-one-1 is healthy",
      "    let envctl-proxy serve shop.test/shop by shop-test-app-one-1",
    ]);
  });

  it("canary: each share, how long it is watched, and when it goes back", () => {
    const lines = change(proxied("canary", [5, 50]));
    expect(lines).toContain("    let envctl-proxy give shop-test-app-two-2 5% of shop.test/shop");
    expect(lines).toContain("    let shop-test-app-one-1 end its requests (at most 30s)");
    expect(lines.at(-1)).toBe(
      "  note: canary: 5%, then 50% of the requests, watched for 1m each; it goes back if the new release is unhealthy, or more than 2% of its answers are errors",
    );
  });

  it("canary by hosts: which one, and by what it is judged", () => {
    expect(change(proxied("canary")).at(-1)).toMatch(/canary: a first, watched for 1m; .*more than 2% of its answers/);
    expect(change(proxied("canary", [], false)).slice(-2)).toEqual([
      "  note: canary: a first, watched for 1m; it goes back if the new release is unhealthy",
      "  note: no proxy logs the answers of these hosts: the canary is judged by its health alone",
    ]);
  });

  it("blue-green: what stays", () => {
    const lines = change(proxied("blue-green"));
    expect(lines.at(-1)).toBe("  note: what serves now stays running: envctl rollback is a mere switch back");
    expect(lines.join("\n")).not.toMatch(/stop /);
    const third = (place: Stage) => {
      const grown = ["one", "two"].reduce(
        (host, name) => applied(host, planOf(place, name, [host]).hosts[0]!),
        emptyHost("a"),
      );
      return describePlan(planOf(place, "three", [grown])).join("\n");
    };
    const place = proxied("blue-green");
    expect(third(place)).toMatch(/stop \S+, which stood by\n.*create /s);
    expect(third(place)).not.toMatch(/end its requests/);
    // Streams of two switches ago have their time, too.
    const streaming = { ...place, proxy: stageProxy({ ...place.proxy, driver: "haproxy" }) };
    expect(third(streaming)).toMatch(
      /let (\S+) end its requests \(at most 30s\)\n *stop \1, which stood by\n.*create /s,
    );
  });

  it("blue-green: promises no switch back to the same release as it was configured before", () => {
    const place = proxied("blue-green");
    const grown = ["one", "two"].reduce(
      (host, name) => applied(host, planOf(place, name, [host]).hosts[0]!),
      emptyHost("a"),
    );
    const lines = describePlan(planOf({ ...place, app: workload({ env: { LEVEL: "debug" } }) }, "two", [grown]));
    expect(lines.join("\n")).toMatch(/stop \S*-one-\S*, which stood by/);
    expect(lines.at(-1)).toBe("  note: what serves now stays running until the next change");
  });

  it("recreate and shared ports: that there is a gap, and why", () => {
    expect(change(proxied("recreate")).at(-1)).toMatch(/the app is away .*`strategy: recreate` asks for it/);
    const direct = stage({ app: workload({ ports: [port] }) });
    expect(change(direct).at(-1)).toMatch(/they share a published port/);
    const handed = stage({ proxy: stageProxy({ ports: [port] }) });
    expect(change(direct, handed).at(-1)).toMatch(/passes to another container, this once/);
  });

  it("a proxy that gives its port to another: that it is away, and not the app", () => {
    for (const strategy of ["rolling", "recreate"] as const) {
      const place = (httpsPort: number) =>
        stage({ ...proxied(strategy), proxy: stageProxy({ domains: ["shop.test"], httpsPort }) });
      const up = applied(emptyHost("a"), planOf(place(443), "one", [emptyHost("a")]).hosts[0]!);
      const { notes } = planOf(place(8443), "one", [up]);
      expect(notes).toEqual(["other ports or another program take the proxy away for a moment: envctl-proxy on a"]);
      const [app] = change(place(443), place(8443)).filter((line) => line.includes("the app is away"));
      if (strategy === "recreate") expect(app).toMatch(/`strategy: recreate` asks for it/);
      else expect(app).toBeUndefined();
    }
  });

  it("rolling: nothing to say, and nothing to do", () => {
    const lines = change(proxied("rolling"));
    expect(lines.join("\n")).not.toMatch(/note/);
    const up = applied(emptyHost("a"), planOf(proxied("rolling"), "one", [emptyHost("a")]).hosts[0]!);
    expect(describePlan(planOf(proxied("rolling"), "one", [up]))).toEqual([expect.stringMatching(/: nothing to do$/)]);
  });
});
