import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { Stage } from "../../src/environment/model.ts";
import { sharedProxyName, upstreamName } from "../../src/plan/naming.ts";
import type { ObservedHost } from "../../src/plan/observed.ts";
import { type HostPlan, isEmpty, type StagePlan, type Step, stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import {
  applied,
  apply,
  digestsRunning,
  emptyHost,
  environment,
  port,
  release,
  rollout,
  running,
  stage,
  stageProxy,
  undone,
  workload,
} from "./world.ts";

const numRuns = 100;
const metrics = { ...port, hostPort: 9090, containerPort: 9090 };

/** One version of an environment file, and how far carrying it out comes. */
const configuration = fc.record({
  release: fc.constantFrom(...["one", "two", "three", "four"].map(release)),
  strategy: fc.constantFrom("rolling" as const, "blue-green" as const, "recreate" as const, "canary" as const),
  weights: fc.constantFrom([10], [5, 50], []),
  /** Who publishes port 8080: nobody, the app itself, or a proxy. */
  published: fc.constantFrom("nobody", "app", "proxy"),
  domains: fc.constantFrom([], ["shop.test"], ["shop.test", "www.shop.test"]),
  httpPort: fc.constantFrom(80, 8000),
  httpsPort: fc.constantFrom(443, 8443),
  /** And one more port. */
  metrics: fc.constantFrom("nobody", "app", "proxy"),
  listens: fc.constantFrom(8080, 9090),
  replicas: fc.integer({ min: 1, max: 3 }),
  level: fc.constantFrom("a", "b"),
  keep: fc.integer({ min: 0, max: 3 }),
  rollback: fc.boolean(),
  interruptedAfter: fc.nat(24),
});
type Configuration = typeof configuration extends fc.Arbitrary<infer Value> ? Value : never;

const histories = (minLength = 1) => fc.array(configuration, { minLength, maxLength: 6 });

function stageOf(entry: Configuration): Stage {
  const publishedBy = (who: string) => [
    ...(entry.published === who ? [port] : []),
    ...(entry.metrics === who ? [metrics] : []),
  ];
  const direct = publishedBy("app");
  const proxied = publishedBy("proxy").length > 0 || entry.domains.length > 0;
  const { strategy, keep, weights, listens } = entry;
  const replicas = direct.length > 0 ? 1 : entry.replicas;
  return stage({
    app: workload({ port: listens, ports: direct, env: { LEVEL: entry.level }, replicas }),
    proxy: proxied
      ? stageProxy({
          domains: entry.domains,
          httpPort: entry.httpPort,
          httpsPort: entry.httpsPort,
          ports: publishedBy("proxy"),
          appPort: listens,
        })
      : undefined,
    rollout: rollout({
      strategy,
      keep,
      canary: { weights, hosts: 1, bake: 1 as Duration, maxErrorRate: 1, minRequests: 1 },
    }),
  });
}

function planOf(entry: Configuration, host: ObservedHost): StagePlan {
  const place = stageOf(entry);
  return planStage(
    {
      environment: environment([place]),
      stage: place,
      release: entry.release,
      pins: {},
      secrets: {},
      asItRanThen: entry.rollback,
    },
    [host],
  );
}

function firstHost(plan: StagePlan): HostPlan {
  return plan.hosts[0]!;
}

/** The host after a history of rollouts, each of which was killed after some of its steps. */
function survivor(history: readonly Configuration[]): ObservedHost {
  return history.reduce(
    (host, entry) => applied(host, firstHost(planOf(entry, host)), entry.interruptedAfter),
    emptyHost("a"),
  );
}

function upstreamsOf(site: Site): string[] {
  return [...site.upstreams, ...(site.canary?.upstreams ?? [])].map(({ name }) => name);
}

/** Proxies of whose clients some would reach nobody, or a port on which nobody listens. */
function broken(host: ObservedHost): string[] {
  const alive = new Set(
    running(host).map(({ name, labels }) => {
      const { port: listens } = JSON.parse(labels["envctl.endpoint"] ?? "{}") as { readonly port?: number };
      return `${upstreamName(name)}:${listens}`;
    }),
  );
  return host.proxies
    .filter(
      ({ container, sites }) =>
        sites.length > 0 &&
        (container.state !== "running" ||
          sites
            .flatMap((site) => [...site.upstreams, ...(site.canary?.upstreams ?? [])])
            .some((upstream) => !alive.has(`${upstream.name}:${upstream.port}`))),
    )
    .map(({ container }) => container.name);
}

describe("a stage with a proxy", () => {
  it("converges from every interruption, and leaves nothing behind", () => {
    fc.assert(
      fc.property(histories(), configuration, (history, last) => {
        const left = survivor(history);
        const host = applied(left, firstHost(planOf(last, left)));
        const place = stageOf(last);
        expect(isEmpty(planOf(last, host))).toBe(true);
        const serving = running(host).filter((app) => app.labels["envctl.digest"] === last.release.digest);
        const others = running(host).filter((app) => !serving.includes(app));
        if (place.rollout.strategy !== "blue-green") expect(others).toEqual([]);
        // Of one release, and each replica once.
        expect(new Set(others.map((app) => app.labels["envctl.digest"])).size).toBeLessThanOrEqual(1);
        expect(new Set(others.map((app) => app.labels["envctl.replica"])).size).toBe(others.length);
        expect(serving.length).toBeGreaterThanOrEqual(place.app.replicas);
        expect(broken(host)).toEqual([]);
        const proxies = host.proxies.map(({ container, sites }) => [container.name, sites.length] as const);
        const shared = last.domains.length > 0 ? [sharedProxyName(last.httpPort, last.httpsPort)] : [];
        const own = [last.published, last.metrics].includes("proxy") ? ["shop-test-proxy"] : [];
        expect(
          proxies
            .filter(([, sites]) => sites > 0)
            .map(([name]) => name)
            .sort(),
        ).toEqual([...shared, ...own].sort());
        expect(proxies.filter(([name]) => name.startsWith("shop-")).map(([name]) => name)).toEqual(own);
        for (const { sites } of host.proxies) for (const site of sites) expect(site.canary).toBeUndefined();
        expect(host.containers.filter((container) => container.startedAt === undefined)).toEqual([]);
        const earlier = new Set(host.containers.map((container) => container.labels["envctl.digest"]));
        earlier.delete(last.release.digest);
        expect(earlier.size).toBeLessThanOrEqual(last.keep + (others.length > 0 ? 1 : 0));
      }),
      { numRuns },
    );
  });

  it("never leaves clients to a container that does not run, unless it says so", () => {
    fc.assert(
      fc.property(histories(), configuration, fc.nat(24), (history, last, at) => {
        let host = survivor(history);
        const plan = firstHost(planOf(last, host));
        if (plan.gap) return;
        // What stood by ends at any moment of what is done beside it.
        const others = stepsOf({ ...plan, standDown: [] });
        const meanwhile = Math.min(plan.prepare.length + at, others.length - plan.tidy.length);
        for (const step of [...others.slice(0, meanwhile), ...plan.standDown, ...others.slice(meanwhile)]) {
          const before = broken(host);
          host = apply(host, step);
          expect(broken(host).filter((proxy) => !before.includes(proxy))).toEqual([]);
        }
      }),
      { numRuns },
    );
  });

  it("sends no client to a container before it was healthy", () => {
    fc.assert(
      fc.property(histories(), configuration, (history, last) => {
        const host = survivor(history);
        const trusted = new Set(host.proxies.flatMap(({ sites }) => sites.flatMap((site) => upstreamsOf(site))));
        for (const step of stepsOf(firstHost(planOf(last, host)))) {
          if (step.kind === "wait-healthy") trusted.add(upstreamName(step.container.name));
          if (step.kind !== "route" || !step.site) continue;
          for (const name of upstreamsOf(step.site)) expect([...trusted]).toContain(name);
        }
      }),
      { numRuns },
    );
  });

  it("goes back, from wherever a switch failed, to what ran and was served before", () => {
    fc.assert(
      fc.property(configuration, configuration, fc.nat(24), (first, next, failedAt) => {
        const before = survivor([{ ...first, interruptedAfter: Number.POSITIVE_INFINITY }]);
        const plan = firstHost(planOf(next, before));
        const prepared = plan.prepare.reduce(apply, before);
        const begun: Step[] = [
          ...plan.standDown,
          ...plan.start,
          ...plan.trial.flat(),
          ...plan.switch,
          ...plan.retire,
        ].slice(0, failedAt);
        const back = [...begun].reverse().reduce(undone, begun.reduce(apply, prepared));
        const names = (host: ObservedHost) => running(host).map(({ name }) => name);
        expect(names(back)).toEqual(names(before));
        const served = (host: ObservedHost) =>
          host.proxies
            .flatMap(({ container: { name, ports }, sites }) => (sites.length > 0 ? [[name, ports, sites]] : []))
            .sort();
        // Before it was served at all, there is nothing to go back to.
        expect(served(back)).toEqual(served(prepared));
        const again = applied(back, firstHost(planOf(next, back)));
        expect(isEmpty(planOf(next, again))).toBe(true);
      }),
      { numRuns },
    );
  });

  it("keeps exactly as many earlier releases as it is told", () => {
    fc.assert(
      fc.property(histories(), (history) => {
        const last = history.at(-1)!;
        const whole = history.map((entry) => ({
          ...entry,
          strategy: "rolling" as const,
          keep: last.keep,
          interruptedAfter: Number.POSITIVE_INFINITY,
        }));
        const host = survivor(whole);
        const ran = new Set(whole.map((entry) => entry.release.digest));
        const latest = [...new Set(whole.map((entry) => entry.release.digest).reverse())].slice(1, 1 + last.keep);
        const kept = new Set(host.containers.map((container) => container.labels["envctl.digest"]));
        kept.delete(last.release.digest);
        expect([...kept].sort()).toEqual(latest.sort());
        expect(kept.size).toBe(Math.min(last.keep, ran.size - 1));
        expect(digestsRunning(host)).toEqual(running(host).map(() => last.release.digest));
      }),
      { numRuns },
    );
  });
});

it("a canary that was killed goes on until a blue-green switch", () => {
  const first: Configuration = {
    ...({ release: release("one"), strategy: "rolling", weights: [10], replicas: 1, keep: 1 } as const),
    ...({ published: "nobody", metrics: "nobody", domains: ["shop.test"], httpPort: 80, httpsPort: 443 } as const),
    ...({ listens: 8080, level: "a", rollback: false, interruptedAfter: Number.POSITIVE_INFINITY } as const),
  };
  const tried: Configuration = { ...first, release: release("two"), strategy: "canary" };
  const before = survivor([first]);
  const canary = firstHost(planOf(tried, before));
  const left = applied(before, canary, stepsOf(canary).findIndex(({ kind }) => kind === "route") + 1);
  const plan = firstHost(planOf({ ...first, release: release("three"), strategy: "blue-green" }, left));
  expect([plan.standDown, plan.retire.map(({ kind }) => kind)]).toEqual([[], ["drain", "stop"]]);
  const after = applied(left, plan);
  expect(digestsRunning(after)).toEqual([release("one").digest, release("three").digest]);
});

describe("a port that passes on", () => {
  const proxy = (httpsPort: number) => stageProxy({ domains: ["shop.test"], httpsPort });
  const planned = (place: Stage, name: string, host: ObservedHost) =>
    firstHost(
      planStage({ environment: environment([place]), stage: place, release: release(name), pins: {}, secrets: {} }, [
        host,
      ]),
    );
  const recreate = rollout({ strategy: "recreate" });
  const inside = workload({ ports: [metrics] });

  it.each([
    ["the same release", "one", stage({ proxy: proxy(443) }), stage({ proxy: proxy(8443) })],
    ["another", "two", stage({ proxy: proxy(443) }), stage({ proxy: proxy(8443) })],
    ["recreate", "two", stage({ proxy: proxy(443) }), stage({ proxy: proxy(8443), rollout: recreate })],
    ["a direct port", "two", stage({ proxy: proxy(443) }), stage({ proxy: proxy(8443), app: inside })],
  ])("of a shared proxy goes to the next one with a gap, and the first one goes: %s", (_, name, first, second) => {
    const before = applied(emptyHost("a"), planned(first, "one", emptyHost("a")));
    const plan = planned(second, name, before);
    expect(plan.gap).toBe(true);
    for (const killed of stepsOf(plan).keys()) {
      const left = applied(before, plan, killed);
      const host = applied(left, planned(second, name, left));
      const serving = host.proxies.filter(({ sites }) => sites.length > 0).map(({ container }) => container.name);
      expect([serving, broken(host)]).toEqual([["envctl-proxy-80-8443"], []]);
      expect(stepsOf(planned(second, name, host))).toEqual([]);
    }
    expect(applied(before, plan).proxies.map(({ container }) => container.name)).toEqual(["envctl-proxy-80-8443"]);
  });

  it.each(["rolling", "recreate", "blue-green", "canary"] as const)(
    "of a shared proxy that a killed rollout made, and that serves nobody, goes to the next one with no gap: %s",
    (strategy) => {
      const place = (httpsPort: number) => stage({ proxy: proxy(httpsPort), rollout: rollout({ strategy }) });
      const first = planned(place(443), "one", emptyHost("a"));
      const made = first.prepare.findIndex(({ kind }) => kind === "proxy") + 1;
      for (const steps of [made, made + 1]) {
        const left = applied(emptyHost("a"), first, steps);
        const plan = planned(place(8443), "one", left);
        expect(plan.gap).toBe(false);
        for (const killed of [...stepsOf(plan).keys(), Number.POSITIVE_INFINITY]) {
          const begun = applied(left, plan, killed);
          const host = applied(begun, planned(place(8443), "one", begun));
          expect(host.proxies.map(({ container }) => container.name)).toEqual(["envctl-proxy-80-8443"]);
          expect([broken(host), stepsOf(planned(place(8443), "one", host))]).toEqual([[], []]);
        }
      }
    },
  );

  it("of a shared proxy that is there for another stage stays its own", () => {
    const place = stage({ proxy: proxy(443) });
    const left = applied(emptyHost("a"), planned(place, "one", emptyHost("a")), 4);
    const [idle] = left.proxies;
    const networks = { "other-prod": { address: "", aliases: [] } };
    const others = [{ ...idle!, container: { ...idle!.container, networks } }];
    const plan = planned(stage({ proxy: proxy(8443) }), "one", { ...left, proxies: others });
    expect(stepsOf(plan).filter(({ kind }) => kind === "stop" || kind === "remove-proxy")).toEqual([]);
  });

  it("of a shared proxy comes back to it after a kill, with a canary that asks nobody who does not run", () => {
    const [first, second] = [443, 8443].map((httpsPort) => stage({ proxy: proxy(httpsPort) }));
    const before = applied(emptyHost("a"), planned(first!, "one", emptyHost("a")));
    const away = planned(second!, "one", before);
    const again = stage({ proxy: proxy(443), rollout: rollout({ strategy: "canary" }) });
    for (const killed of stepsOf(away).keys()) {
      const left = applied(before, away, killed);
      const host = applied(left, planned(again, "two", left));
      expect([broken(host), digestsRunning(host)]).toEqual([[], [release("two").digest]]);
      expect(stepsOf(planned(again, "two", host))).toEqual([]);
    }
  });

  it("of the stage's own proxy is free before the shared one starts that is to have it", () => {
    const published = stage({ proxy: stageProxy({ ports: [{ ...port, hostPort: 80 }, port] }) });
    const named = stage({ proxy: stageProxy({ domains: ["shop.test"], ports: [port] }) });
    const before = applied(emptyHost("a"), planned(published, "one", emptyHost("a")));
    const plan = planned(named, "two", before);
    for (const killed of [...stepsOf(plan).keys(), Number.POSITIVE_INFINITY]) {
      const left = applied(before, plan, killed);
      const host = applied(left, planned(named, "two", left));
      expect([broken(host), stepsOf(planned(named, "two", host))]).toEqual([[], []]);
    }
  });

  it("of a shared proxy is free before the app starts that publishes it itself", () => {
    const direct = stage({ app: workload({ ports: [{ ...port, hostPort: 80 }] }) });
    const before = applied(emptyHost("a"), planned(stage({ proxy: proxy(443) }), "one", emptyHost("a")));
    const plan = planned(direct, "two", before);
    expect(plan.gap).toBe(true);
    const host = applied(before, plan);
    expect([host.proxies, digestsRunning(host)]).toEqual([[], [release("two").digest]]);
    expect(stepsOf(planned(direct, "two", host))).toEqual([]);
  });
});
