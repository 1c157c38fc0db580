import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isServed, loadOf, type ProxyState, servedSites, turnTo } from "../../src/plan/standby.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { siteOf } from "../proxy/site.ts";

const empty: ProxyState = { sites: [], turned: new Set() };
const site = (release: string, more: Partial<Site> = {}) =>
  siteOf({ id: "shop-prod", release, upstreams: [{ name: release, port: 3000 }], ...more });
const load = (state: ProxyState, wanted: Site | undefined, standsBy = true) =>
  loadOf(state, "shop-prod", wanted, standsBy).state;

describe("a standby", () => {
  const both = load(load(empty, site("one")), site("two"));

  it("is what was served before, where all else is the same and it goes on running", () => {
    expect(servedSites(both)).toEqual([site("two")]);
    expect(both.sites[0]?.standby).toEqual({ release: "one", upstreams: [{ name: "one", port: 3000 }] });
    expect(load(load(empty, site("one")), site("two"), false).sites).toEqual([site("two")]);
    expect(load(load(empty, site("one")), site("two", { responseTimeout: 1 })).sites[0]?.standby).toBeUndefined();
    expect(load(load(empty, site("one")), site("two", { maintenance: true })).sites[0]?.standby).toBeUndefined();
  });

  it("is turned to and back, and to nothing else", () => {
    const back = turnTo(both, "shop-prod", site("one"));
    expect(back).toMatchObject({ on: true, state: { sites: both.sites } });
    expect(servedSites(back?.state ?? empty)).toEqual([site("one")]);
    expect(turnTo(back?.state ?? empty, "shop-prod", site("two"))).toEqual({ on: false, state: both });
    for (const wanted of [site("two"), site("three"), site("one", { maintenance: true }), undefined])
      expect(turnTo(both, "shop-prod", wanted)).toBeUndefined();
    expect(turnTo(load(empty, site("one")), "shop-prod", site("two"))).toBeUndefined();
  });

  it("has its file removed before that would have a meaning which it was not made for", () => {
    const left: ProxyState = { sites: [site("one")], turned: new Set(["shop-prod"]) };
    const next = loadOf(left, "shop-prod", site("two"), true);
    expect([next.stale, [...next.state.turned]]).toEqual([["shop-prod"], []]);
    const turned = turnTo(both, "shop-prod", site("one"))?.state ?? empty;
    expect(loadOf(turned, "shop-prod", site("three"), true).stale).toEqual([]);
  });

  it("whatever is done one after the other: what is wanted last is served, and others are as they were", () => {
    const step = fc.record({
      id: fc.constantFrom("blog-prod", "shop-prod", "shop-test"),
      release: fc.option(fc.constantFrom("one", "two", "three"), { nil: undefined }),
      maintenance: fc.boolean(),
      standsBy: fc.boolean(),
      turns: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        // As a proxy has it: files mean something to the sites with a standby that it was told of.
        let files = new Set<string>();
        let state = empty;
        const wanted = new Map<string, Site>();
        for (const { id, release, maintenance, standsBy, turns } of steps) {
          const next = release === undefined ? undefined : site(release, { id, maintenance });
          const turn = turns ? turnTo(state, id, next) : undefined;
          if (turn) {
            files = new Set(turn.on ? [...files, id] : [...files].filter((one) => one !== id));
            state = turn.state;
          } else {
            const { state: told, stale } = loadOf(state, id, next, standsBy);
            for (const one of stale) {
              // Nobody's clients go elsewhere by that.
              expect(state.sites.find((known) => known.id === one)?.standby).toBeUndefined();
              files.delete(one);
            }
            const before = servedSites({ sites: state.sites, turned: files }).filter((one) => one.id !== id);
            state = { sites: told.sites, turned: files };
            expect(servedSites(state).filter((one) => one.id !== id)).toEqual(before);
          }
          if (next) wanted.set(id, next);
          else wanted.delete(id);
          state = { sites: state.sites, turned: new Set(files) };
          for (const one of ["blog-prod", "shop-prod", "shop-test"])
            expect(isServed(state, one, wanted.get(one))).toBe(true);
        }
      }),
    );
  });
});
