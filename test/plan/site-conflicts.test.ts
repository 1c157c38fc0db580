import { describe, expect, it } from "vitest";
import type { Duration } from "../../src/base/duration.ts";
import type { StageProxy } from "../../src/environment/model.ts";
import { stepsOf } from "../../src/plan/plan.ts";
import { planStage } from "../../src/plan/plan-stage.ts";
import { desiredSites } from "../../src/plan/proxies.ts";
import { clashOf, siteConflicts } from "../../src/plan/site-conflicts.ts";
import { sharedProxies } from "../../src/promotion/leave-proxies.ts";
import { siteOf } from "../proxy/site.ts";
import { applied, apply, emptyHost, environment, port, release, stage } from "./world.ts";

function proxyOf(changes: Partial<StageProxy> = {}): StageProxy {
  return {
    driver: "caddy",
    imageText: undefined,
    domains: ["shop.test"],
    httpPort: 80,
    httpsPort: 443,
    ports: [],
    appPort: 8080,
    path: "/",
    stripPath: false,
    tls: { kind: "off" },
    maxBody: undefined,
    responseTimeout: 1000 as Duration,
    drain: 1000 as Duration,
    trustedProxies: [],
    accessLog: true,
    errorPage: undefined,
    maintenancePage: undefined,
    ...changes,
  };
}

/** The host once a stage with this proxy runs on it, and what the next plan does to it. */
function run(proxy: StageProxy | undefined, host = emptyHost("a"), more = {}) {
  const wanted = stage({ proxy, ...more });
  const plan = planStage(
    { environment: environment([wanted]), stage: wanted, release: release("one"), pins: {}, secrets: {} },
    [host],
  );
  const [first] = plan.hosts;
  if (!first) throw new Error("no plan");
  return { host: applied(host, first), steps: stepsOf(first) };
}

describe("a name that two stages want", () => {
  it.each([
    [{ domains: ["a.test"] }, { domains: ["b.test"] }, undefined],
    [{ path: "/a" }, { path: "/b" }, undefined],
    [{ path: "/" }, { path: "/b" }, undefined],
    [{ path: "/a/" }, { path: "/a" }, /shop.test\/a is wanted by stage prod of shop and by/],
    [{ domains: ["*.shop.test"] }, { domains: ["a.shop.test"] }, undefined],
    [{ domains: ["x.test", "y.test"] }, { domains: ["y.test", "z.test"] }, /^y.test is wanted by/],
  ])("%j and %j", (one, other, expected) => {
    const clash = clashOf(siteOf(one), siteOf({ ...other, id: "b", environment: "blog", stage: "live" }));
    if (expected) expect(clash).toMatch(expected);
    else expect(clash).toBeUndefined();
  });

  it("is no conflict with the stage's own site, and one with another program", () => {
    const { host } = run(proxyOf());
    const wish = (name: string, proxy: StageProxy) =>
      desiredSites(
        { environment: name, stage: "test" },
        stage({ proxy }),
        { release: { name: "" }, upstreams: [] },
        undefined,
      );
    expect(siteConflicts(host, wish("shop", proxyOf()))).toEqual([]);
    expect(siteConflicts(host, wish("other", proxyOf()))).toMatchObject([
      { kind: "taken", rival: { environment: "shop" } },
    ]);
    expect(siteConflicts(host, wish("other", proxyOf({ driver: "haproxy", domains: ["b.test"] })))).toMatchObject([
      { kind: "driver", driver: "caddy", alone: false },
    ]);
    expect(siteConflicts(host, wish("shop", proxyOf({ driver: "haproxy" })))).toMatchObject([
      { kind: "driver", driver: "caddy", alone: true },
    ]);
    expect(siteConflicts(emptyHost("b"), wish("other", proxyOf({ driver: "haproxy" })))).toEqual([]);
  });
});

describe("a proxy that a stage does not need any more", () => {
  it("goes with the last site, and certificates that it obtained stay", () => {
    const { host } = run(proxyOf());
    const { steps, host: after } = run(undefined, host);
    expect(steps.filter(({ kind }) => ["route", "leave", "remove-proxy"].includes(kind))).toMatchObject([
      { kind: "route", site: undefined },
      { kind: "leave", network: "shop-test" },
      { kind: "remove-proxy", certificates: false },
    ]);
    expect(after.proxies).toEqual([]);
  });

  it("goes with it, too, where nobody came to be served by it", () => {
    const made = run(proxyOf()).steps.findIndex(({ kind }) => kind === "join") + 1;
    const host = run(proxyOf()).steps.slice(0, made).reduce(apply, emptyHost("a"));
    const place = { environment: "shop", stage: "test" };
    expect(host.proxies.map(({ sites }) => sites)).toEqual([[]]);
    expect(run(undefined, host).host.proxies).toEqual([]);
    expect(sharedProxies(host, place)).toEqual(host.proxies);
    expect(sharedProxies(host, { ...place, stage: "prod" })).toEqual([]);
    const others = host.proxies.map((proxy) => {
      const networks = { ...proxy.container.networks, "blog-live": { address: "", aliases: [] } };
      return { ...proxy, container: { ...proxy.container, networks } };
    });
    expect(sharedProxies({ ...host, proxies: others }, place)).toEqual([]);
    expect(run(undefined, { ...host, proxies: others }).host.proxies).toHaveLength(1);
  });

  it("stays for others, off the stage's network", () => {
    const { host } = run(proxyOf());
    const [shared] = host.proxies;
    if (!shared) throw new Error("no proxy");
    const busy = { ...host, proxies: [{ ...shared, sites: [...shared.sites, siteOf({ id: "blog-live" })] }] };
    const { host: after } = run(undefined, busy);
    expect(after.proxies.map(({ sites }) => sites.map(({ id }) => id))).toEqual([["blog-live"]]);
    expect(Object.keys(after.proxies[0]?.container.networks ?? {})).not.toContain("shop-test");
  });

  it("is replaced where the stage's own is to be another program", () => {
    const own = proxyOf({ domains: [], ports: [port] });
    const { host } = run(own, emptyHost("a"), { ports: [port] });
    const { steps } = run({ ...own, driver: "haproxy" }, host, { ports: [port] });
    expect(steps.filter(({ kind }) => kind === "proxy")).toMatchObject([
      { replaces: { driver: "caddy" }, proxy: { driver: "haproxy" } },
    ]);
  });
});

describe("maintenance", () => {
  it("holds for what is new of the stage: other ports of its proxy, and a host that it did not have", () => {
    const { host } = run(proxyOf());
    const maintained = {
      ...host,
      proxies: host.proxies.map((proxy) => ({
        ...proxy,
        sites: proxy.sites.map((site) => ({ ...site, maintenance: true })),
      })),
    };
    const { host: after } = run(proxyOf({ httpPort: 8080, httpsPort: 8443 }), maintained);
    expect(after.proxies.flatMap(({ sites }) => sites.map(({ maintenance }) => maintenance))).toEqual([true]);
    const wanted = stage({ proxy: proxyOf() });
    const plan = planStage(
      { environment: environment([wanted]), stage: wanted, release: release("one"), pins: {}, secrets: {} },
      [maintained, emptyHost("b")],
    );
    const routes = (plan.hosts[1] ? stepsOf(plan.hosts[1]) : []).flatMap((step) =>
      step.kind === "route" ? [step.site] : [],
    );
    expect(routes).toMatchObject([{ maintenance: true }]);
  });
});
