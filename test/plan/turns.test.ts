import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isServed, loadOf, type ProxyState, servedSites, turnBetween, turnTo } from "../../src/plan/turns.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { type Turn, turnFile, turnFolder, turnFrom } from "../../src/proxy/turn.ts";
import { siteOf } from "../proxy/site.ts";

const id = "shop-prod";
const empty: ProxyState = { sites: [], turned: new Map() };
const names = (release: string, replicas: number) =>
  replicas === 1 ? [release] : Array.from({ length: replicas }, (_, index) => `${release}-${index + 1}`);
const site = (release: string, more: Partial<Site> = {}, replicas = 1) =>
  siteOf({ id, release, upstreams: names(release, replicas).map((name) => ({ name, port: 3000 })), ...more });
const load = (state: ProxyState, wanted: Site | undefined, turns = true) => loadOf(state, id, wanted, turns).state;

describe("a site that turns to another release", () => {
  const first = load(empty, site("one"));

  it("is told the proxy once, and has a number that nobody is shown", () => {
    expect(first.sites).toEqual([{ ...site("one"), turns: 1 }]);
    expect(servedSites(first)).toEqual([site("one")]);
    expect(load(first, site("one", { maxBody: 1 })).sites[0]?.turns).toBe(2);
    expect(load(empty, site("one"), false).sites).toEqual([site("one")]);
  });

  it.each([1, 2, 12])("serves it as %i replicas of the same names, and all else as it was told", (replicas) => {
    const told = load(empty, site("one", { maxBody: 7 }, replicas));
    const wanted = site("two", { maxBody: 7 }, replicas);
    const turned = turnTo(told, id, wanted);
    expect(turned).toMatchObject({ turn: { release: "two", base: "two" }, state: { sites: told.sites } });
    expect(servedSites(turned?.state ?? empty)).toEqual([wanted]);
    expect(turnBetween(site("one", { maxBody: 7 }, replicas), wanted)).toEqual(turned?.turn);
    const back = turnTo(turned?.state ?? empty, id, site("one", { maxBody: 7 }, replicas));
    expect(servedSites(back?.state ?? empty)).toEqual(servedSites(told));
  });

  it("does not where more is different, or names are of no series", () => {
    const three = (...upstreams: string[]) =>
      site("two", { upstreams: upstreams.map((name) => ({ name, port: 3000 })) });
    for (const wanted of [
      site("two", { maintenance: true }),
      site("two", { responseTimeout: 1 }),
      site("two", {}, 2),
      site("two", { upstreams: [{ name: "two", port: 3001 }] }),
      site("two", { upstreams: [] }),
      site("two", { canary: { upstreams: [{ name: "two", port: 3000 }], weight: 5 } }),
      undefined,
    ]) {
      expect(turnTo(first, id, wanted)).toBeUndefined();
      expect(wanted && turnBetween(site("one"), wanted)).toBeUndefined();
    }
    const told = load(empty, site("one", {}, 3));
    for (const wanted of [three("b-1", "b-3", "b-2"), three("b-1", "c-2", "b-3"), three("b", "b-2", "b-3")])
      expect(turnTo(told, id, wanted)).toBeUndefined();
    expect(turnTo(load(empty, site("one"), false), id, site("two"))).toBeUndefined();
    const tried = load(empty, site("one", { canary: { upstreams: [{ name: "two", port: 3000 }], weight: 5 } }));
    expect(turnTo(tried, id, site("two"))).toBeUndefined();
  });

  it("has all folders removed before that the next configuration could take for its own", () => {
    const turned = turnTo(first, id, site("two"))?.state ?? empty;
    expect(loadOf(turned, id, site("two", { maxBody: 1 }), true).stale.map(turnFolder)).toEqual([
      "/envctl/turned/shop-prod.1",
    ]);
    expect(loadOf(empty, id, site("two"), true).stale.map(turnFolder)).toEqual(["/envctl/turned/shop-prod.0"]);
    // What is served as wanted is told again as it was, and as it was turned.
    expect(loadOf(turned, id, site("two"), true)).toEqual({ state: turned, stale: [] });
  });

  it("names its release in the file that it is turned by", () => {
    const turn: Turn = { release: "1.2.3-rc_1", base: "shop-prod-app-1.2.3-rc_1-4" };
    expect(turnFrom(turnFile(turn))).toEqual(turn);
    for (const file of ["", "~", "a", "a~", "~b", "a~b~c"]) expect(turnFrom(file)).toBeUndefined();
  });

  it("whatever is done one after the other: what is wanted last is served, and others are as they were", () => {
    const ids = ["blog-prod", "shop-prod", "shop-test"];
    const step = fc.record({
      id: fc.constantFrom(...ids),
      release: fc.option(fc.constantFrom("one", "two", "three"), { nil: undefined }),
      maintenance: fc.boolean(),
      replicas: fc.constantFrom(1, 2),
      turns: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        // As a proxy has it: by folder the file that is in it.
        const files = new Map<string, string>();
        let sites: readonly Site[] = [];
        const read = (): ProxyState => ({
          sites,
          turned: new Map(
            sites.flatMap((one): [string, Turn][] => {
              const turn = turnFrom(files.get(turnFolder(one)) ?? "");
              return turn ? [[one.id, turn]] : [];
            }),
          ),
        });
        const wanted = new Map<string, Site>();
        for (const { id, release, maintenance, replicas, turns } of steps) {
          const next = release === undefined ? undefined : site(release, { id, maintenance }, replicas);
          const turn = turns ? turnTo(read(), id, next) : undefined;
          const before = servedSites(read());
          if (turn) files.set(turnFolder(turn.site), turnFile(turn.turn));
          else {
            const { state, stale } = loadOf(read(), id, next, true);
            for (const kept of stale)
              for (const folder of files.keys())
                if (folder.startsWith(`/envctl/turned/${kept.id}.`) && folder !== turnFolder(kept))
                  files.delete(folder);
            // Until the new one is live, nobody's clients go elsewhere.
            expect(servedSites(read())).toEqual(before);
            sites = state.sites;
          }
          const others = (all: readonly Site[]) => all.filter((one) => one.id !== id);
          expect(others(servedSites(read()))).toEqual(others(before));
          if (next) wanted.set(id, next);
          else wanted.delete(id);
          for (const one of ids) expect(isServed(read(), one, wanted.get(one))).toBe(true);
        }
      }),
    );
  });
});
