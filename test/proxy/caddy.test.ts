import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { caddy } from "../../src/proxy/caddy.ts";
import { ringOf } from "../../src/proxy/caddy-ring.ts";
import { greaterThan } from "../../src/proxy/caddy-text.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { site, text } from "./arbitrary-site.ts";
import { siteOf } from "./site.ts";

const rendered = (sites: readonly Site[], revision = "1"): unknown => JSON.parse(caddy.render(sites, revision));

/** All values of a field, wherever it is. */
function every(value: unknown, field: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [...(name === field ? [inner] : []), ...every(inner, field)]);
}

/** What Caddy 2.6 makes of a string: replacer.go, with no placeholder known and all of them emptied. */
function replaced(input: string): string {
  if (!input.includes("{")) return input;
  let out = "";
  for (let index = 0; index < input.length; index += 1) {
    const character = input[index] ?? "";
    if (character === "\\" && /[{}]/.test(input[index + 1] ?? "")) {
      out += input[index + 1];
      index += 1;
    } else if (character === "{" && input.includes("}", index)) {
      index = input.indexOf("}", index);
    } else {
      out += character;
    }
  }
  return out;
}

describe("Caddy's configuration", () => {
  it("has every upstream of every site that is not in maintenance, whatever texts the site has", () => {
    fc.assert(
      fc.property(fc.array(site, { maxLength: 4 }), (sites) => {
        const dialled = every(rendered(sites), "dial").map((dial) => replaced(String(dial)));
        for (const { maintenance, upstreams, canary } of sites) {
          if (maintenance) continue;
          for (const { name, port } of [...upstreams, ...(canary?.upstreams ?? [])]) {
            expect(dialled).toContain(`${name}:${port}`);
          }
        }
      }),
    );
  });

  it("never lets a page of the user's own tell what Caddy knows", () => {
    fc.assert(
      fc.property(text, (html) => {
        const pages = rendered([
          siteOf({ errorPage: html }),
          siteOf({ id: "b", maintenance: true, maintenancePage: html }),
        ]);
        const bodies = every(pages, "body").map((body) => replaced(String(body)));
        expect(bodies.filter((body) => body === html).length).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  it("matches one path prefix and what is below it", () => {
    fc.assert(
      fc.property(
        text.filter((path) => /[^/]$/.test(path) && !path.includes("//")),
        (name) => {
          const path = `/${name}`;
          const patterns = every(rendered([siteOf({ path })]), "path_regexp").map(
            (matcher) => new RegExp((matcher as { pattern: string }).pattern, "s"),
          );
          const matches = (asked: string) => patterns.some((pattern) => pattern.test(asked));
          expect([matches(path), matches(`${path}/`), matches(`${path}/a`)]).toEqual([true, true, true]);
          // A path of "/a" has "/a/a" below it: what comes before must not be the path itself.
          const other = name.startsWith("a") ? "b" : "a";
          expect([matches(`${path}ping`), matches(`/${other}${path}`), matches("")]).toEqual([false, false, false]);
        },
      ),
    );
  });

  it("takes a prefix away as clients send it, and leaves the rest of the path as it is", () => {
    const rewrites = every(rendered([siteOf({ path: "/~shop/é/", stripPath: true })]), "path_regexp").filter(
      Array.isArray,
    );
    const [{ find, replace } = { find: "", replace: "" }] = rewrites[0] as { find: string; replace: string }[];
    // JavaScript of Node 20 knows no `(?i:)`.
    const pattern = new RegExp(find.replaceAll("(?i:", "(?:"), "i");
    const left = (path: string) => path.replace(pattern, replace);
    expect(left("/~shop/%C3%A9")).toBe("/");
    expect(left("/%7Eshop/%c3%a9/")).toBe("/");
    expect(left("//~shop//%C3%A9/a%2Fb")).toBe("/a%2Fb");
    expect(left("/~shop/%C3%A9/https://cdn.test/a.png")).toBe("/https://cdn.test/a.png");
    expect(left("/~shop/%C3%A9//a/./b")).toBe("//a/./b");
    expect(left("/~shop/%C3%A9%2Fa")).toBe("/~shop/%C3%A9%2Fa");
  });

  it("tells a body that is too large by its length", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (limit, length) => {
        const pattern = new RegExp(greaterThan(limit));
        for (const size of [length, limit, limit + 1, Math.max(0, limit - 1), limit * 10]) {
          expect(pattern.test(String(size))).toBe(size > limit);
          expect(pattern.test(`00${size}`)).toBe(size > limit);
        }
      }),
    );
  });

  it("names each port once, and the revision's own", () => {
    const listened = every(rendered([siteOf(), siteOf({ id: "b", ports: [8080] })]), "listen").flat();
    expect(listened.sort()).toEqual([":80", ":8080", ":9101", "unix//run/caddy-admin.sock"].sort());
  });
});

describe("a name that a wildcard of another site covers", () => {
  const wild = siteOf({ id: "a", domains: ["*.shop.test"] });
  const exact = siteOf({ id: "b", domains: ["www.shop.test", "shop.test"] });
  const own = { kind: "own", fingerprint: "1" } as const;
  const internal = { kind: "internal" } as const;
  const auto = { kind: "auto", email: undefined, directory: undefined } as const;

  it.each([
    ["one of the user's own", own, { certificate_selection: { any_tag: ["b 1"] } }],
    ["an obtained one", auto, {}],
  ])("has the certificate of its own site: %s", (_, tls, selected) => {
    const sites = [
      { ...wild, tls: own },
      { ...exact, tls },
    ];
    expect(every(rendered(sites), "tls_connection_policies")[0]).toEqual([
      { match: { sni: exact.domains }, ...selected },
      { match: { sni: wild.domains }, certificate_selection: { any_tag: ["a 1"] } },
      {},
    ]);
  });

  it("has its certificate from the authority of its own site", () => {
    for (const sites of [
      [
        { ...wild, tls: internal },
        { ...exact, tls: auto },
      ],
      [
        { ...exact, tls: auto },
        { ...wild, tls: internal },
      ],
    ]) {
      expect(every(rendered(sites), "policies")[0]).toEqual([
        { subjects: exact.domains, issuers: [{ module: "acme" }] },
        { subjects: wild.domains, issuers: [{ module: "internal" }] },
      ]);
    }
  });
});

describe("a round of upstreams", () => {
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `${prefix}${index}`, port: 80 }));

  it("gives the canary its percent, and each of a kind the same", () => {
    const few = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(few, few, fc.integer({ min: 1, max: 99 }), (stable, tried, weight) => {
        const canary = { upstreams: names("canary", tried), weight };
        const ring = ringOf({ upstreams: names("stable", stable), canary });
        const count = (name: string) => ring.filter((upstream) => upstream.name === name).length;
        const canaries = ring.filter(({ name }) => name.startsWith("canary")).length;
        expect(canaries * 100).toBe(ring.length * weight);
        for (let index = 0; index < tried; index += 1) expect(count(`canary${index}`)).toBe(count("canary0"));
        for (let index = 0; index < stable; index += 1) expect(count(`stable${index}`)).toBe(count("stable0"));
      }),
    );
  });

  it("spreads the canary's requests", () => {
    const ring = ringOf({ upstreams: names("stable", 1), canary: { upstreams: names("canary", 1), weight: 20 } });
    expect(ring.map(({ name }) => name)).toEqual(["stable0", "stable0", "canary0", "stable0", "stable0"]);
  });
});

describe("an access log line of Caddy", () => {
  const line = (changes: object = {}) =>
    JSON.stringify({
      level: "info",
      ts: 1,
      logger: "http.log.access",
      msg: "handled request",
      request: { uri: "/", host: "shop.test" },
      user_id: "envctl shop-prod web-1:3000 0.73 ",
      duration: 0.0011,
      size: 2,
      status: 200,
      ...changes,
    });

  it("tells site, upstream, status and duration", () => {
    const access = { site: "shop-prod", upstream: "web-1", status: 200, duration: 1.1 };
    expect(caddy.readAccess(line())).toEqual(access);
    expect(caddy.readAccess(line({ logger: "http.log.access.log0" }))).toEqual(access);
    const asked = { request: { method: "GET", uri: "/cart?a", host: "shop.test" } };
    expect(caddy.readAccess(line(asked))).toEqual({ ...access, request: "GET shop.test/cart?a" });
  });

  it("names no upstream where none answered, but the one that was asked", () => {
    const failed = { user_id: "envctl shop-prod web-1:3000  dial tcp: lookup web-1: no such host", status: 502 };
    expect(caddy.readAccess(line(failed))).toMatchObject({ upstream: undefined, tried: "web-1", status: 502 });
    expect(caddy.readAccess(line({ user_id: "envctl shop-prod   ", status: 308 }))).toMatchObject({
      upstream: undefined,
      status: 308,
    });
  });

  it("takes a connection that the app took over for 101", () => {
    expect(caddy.readAccess(line({ status: 0 }))).toMatchObject({ status: 101 });
    expect(caddy.readAccess(line({ status: 0, user_id: "envctl shop-prod web-1:3000  " }))).toBeUndefined();
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '"handled request"',
    line({ msg: "x" }),
    line({ user_id: "" }),
    line({ user_id: "eve" }),
    line({ user_id: 7 }),
    line({ status: "200" }),
    line({ status: 2000 }),
    line({ duration: -1 }),
    line({ logger: "http.log.error" }),
    line({ user_id: "envctl %E0%A4%A web-1:3000 1 " }),
  ])("is not %j", (other) => {
    expect(caddy.readAccess(other)).toBeUndefined();
  });

  it("is read from nothing that is foreign, and read back for any site's name", () => {
    const foreign = fc.oneof(
      text,
      fc.jsonValue().map((json) => JSON.stringify(json)),
    );
    fc.assert(fc.property(foreign, (other) => caddy.readAccess(other) === undefined));
    const name = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(name, (id) => {
        const [logged] = every(rendered([siteOf({ id })]), "defaults") as [string[]];
        expect(caddy.readAccess(line({ user_id: replaced(logged[0] ?? "") }))?.site).toBe(id);
      }),
    );
  });
});

describe("a site that Caddy refuses", () => {
  it.each([
    [siteOf({ ports: [9101] }), /9101/],
    [siteOf({ upstreams: [{ name: "unix//run/caddy-admin.sock", port: 1 }] }), /no name/],
    [siteOf({ canary: { upstreams: [{ name: "{env.A}", port: 1 }], weight: 1 } }), /no name/],
    [siteOf({ domains: ["{env.A}"] }), /no name/],
    [siteOf({ domains: [], tls: { kind: "internal" } }), /name of a domain/],
    [siteOf({ domains: ["*.shop.test"], tls: { kind: "auto", email: undefined, directory: undefined } }), /DNS zone/],
  ])("is told why", (refused, why) => {
    expect(caddy.refuses(refused)).toMatch(why);
  });

  it("is no usual one", () => {
    for (const tls of ["off", "internal"] as const)
      expect(caddy.refuses(siteOf({ tls: { kind: tls } }))).toBeUndefined();
    expect(caddy.refuses(siteOf({ domains: [], ports: [8080] }))).toBeUndefined();
  });
});
