import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { haproxy } from "../../src/proxy/haproxy.ts";
import { sectionOf, serverName } from "../../src/proxy/haproxy-access.ts";
import { asName, asRequested, asTime, fromName, quoted } from "../../src/proxy/haproxy-text.ts";
import { weighed } from "../../src/proxy/haproxy-weights.ts";
import { certificateFile, type Site } from "../../src/proxy/proxy.ts";
import { site, text } from "./arbitrary-site.ts";
import { directivesOf, wordsOf } from "./haproxy-words.ts";
import { siteOf } from "./site.ts";

/** What HAProxy can be told of a text: it has no NUL, and nothing at all is taken for the end of a line. */
const sayable = (some: string) => Buffer.from(some.replaceAll("\0", "")).toString() || "\n";

/** The same site, but of texts without any meaning. */
function tamed(wild: Site, index: number): Site {
  const harmless = (upstreams: Site["upstreams"]) => upstreams.map(({ port }) => ({ name: "web", port }));
  const { tls, canary } = wild;
  return {
    ...wild,
    id: `site-${index}`,
    domains: wild.domains.map((domain) =>
      domain.startsWith("*.") ? "*.a.test" : domain.includes("*") ? "*" : "a.test",
    ),
    path: wild.path.replace(/\/+$/, "") === "" ? "/" : "/a",
    tls: tls.kind === "own" ? { kind: "own", fingerprint: "a" } : tls,
    upstreams: harmless(wild.upstreams),
    canary: canary && { ...canary, upstreams: harmless(canary.upstreams) },
    maintenancePage: wild.maintenancePage === undefined ? undefined : "page",
    errorPage: wild.errorPage === undefined ? undefined : "page",
  };
}

/** What a configuration tells HAProxy to do, whatever the texts in it are: the first word, and how many there are. */
function shapeOf(configuration: string): string[] {
  const shape = directivesOf(configuration).map((words) => `${words[0]} ${words.length}`);
  // Which of them comes first is up to the length of paths, and to names.
  return shape.filter((line) => !line.startsWith("tune.bufsize")).sort();
}

describe("HAProxy's configuration", () => {
  it("tells it to do the same, whatever texts sites have", () => {
    fc.assert(
      fc.property(fc.array(site, { maxLength: 3 }), text, (sites, revision) => {
        expect(shapeOf(haproxy.render(sites, revision))).toEqual(shapeOf(haproxy.render(sites.map(tamed), "1")));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps each text in one word, as it is", () => {
    fc.assert(
      fc.property(text, (some) => {
        expect(wordsOf(`string ${quoted(some)} if x`)).toEqual(["string", sayable(some), "if", "x"]);
      }),
      { numRuns: 1000 },
    );
  });

  it("has the user's own pages, and every upstream of a site that is not in maintenance", () => {
    fc.assert(
      fc.property(site, (some) => {
        const directives = directivesOf(haproxy.render([some], "1"));
        const words = new Set(directives.flat());
        if (some.maintenance && some.maintenancePage !== undefined)
          expect(words).toContain(sayable(some.maintenancePage));
        if (some.maintenance) return;
        if (some.errorPage !== undefined) expect(words).toContain(sayable(some.errorPage));
        const servers = directives.filter(([first]) => first === "server").map((server) => server[2]);
        const wanted = [...some.upstreams, ...(some.canary?.upstreams ?? [])].map(({ name, port }) =>
          sayable(`${name}:${port}`),
        );
        const [successor] = servers.filter((address) => address?.startsWith("unix@"));
        // By the section that serves, and by the one that takes over from old workers.
        expect(servers).toEqual([...wanted, successor, ...wanted]);
        expect(directives).toContainEqual(["bind", successor, "accept-proxy", "uid", "99", "mode", "600"]);
      }),
    );
  });

  it("has no line of more words than HAProxy reads, however many networks are trusted", () => {
    const trustedProxies = Array.from({ length: 200 }, (_, index) => `10.0.${index}.0/24`);
    const directives = directivesOf(haproxy.render([siteOf({ trustedProxies })], "1"));
    expect(Math.max(...directives.map((words) => words.length))).toBeLessThan(64);
    expect(directives.flatMap((words) => (words[1] === "trusted" ? [words.at(-1)] : []))).toEqual(trustedProxies);
  });

  it("replaces nothing in a prefix that it tells the app", () => {
    const words = directivesOf(haproxy.render([siteOf({ path: "/%[src] 'é", stripPath: true })], "1"));
    expect(words).toContainEqual(["http-request", "set-header", "X-Forwarded-Prefix", "/%%25%%5Bsrc%%5D%%20'%%C3%%A9"]);
    expect(words.flat()).toContain("/%25%5Bsrc%5D%20'%C3%A9");
  });

  it("listens once at each port, and at the revision's own", () => {
    const binds = (sites: Site[]) =>
      directivesOf(haproxy.render(sites, "1")).flatMap(([first, at = ""]) =>
        first === "bind" && !at.startsWith("unix@") ? [at] : [],
      );
    expect(binds([])).toEqual([":9101", ":80"]);
    const own = siteOf({ tls: { kind: "own", fingerprint: "1" } });
    expect(binds([own, siteOf({ id: "b", ports: [8081, 8080] }), siteOf({ id: "c", ports: [8080] })])).toEqual([
      ":9101",
      ":80",
      ":443",
      ":8080",
      ":8081",
    ]);
    expect(binds([siteOf({ ports: [8080] })])).toEqual([":9101", ":8080"]);
  });

  it("serves a site without a name by the first certificate", () => {
    const tls = { kind: "own", fingerprint: "1" } as const;
    const sites = [siteOf({ id: "a", tls }), siteOf({ id: "b", tls, domains: [] })];
    const bind = directivesOf(haproxy.render(sites, "1")).find((words) => words[1] === ":443");
    expect(bind?.slice(2, 7)).toEqual([
      "ssl",
      "crt",
      certificateFile({ id: "b" }),
      "crt",
      certificateFile({ id: "a" }),
    ]);
  });

  it("is another one for another certificate in the same place", () => {
    const of = (fingerprint: string) => haproxy.render([siteOf({ tls: { kind: "own", fingerprint } })], "1");
    expect(of("1")).not.toBe(of("2"));
  });

  it("ends what is under way once the longest drain is over and apps have said goodbye", () => {
    const stop = (...drains: number[]) =>
      directivesOf(
        haproxy.render(
          drains.map((drain, index) => siteOf({ id: `${index}`, drain })),
          "1",
        ),
      )
        .find(([first]) => first === "hard-stop-after")
        ?.at(1);
    expect([stop(5000, 60_000), stop(0), stop()]).toEqual(["65000ms", "5000ms", "5000ms"]);
    expect([asTime(0), asTime(1e12)]).toEqual(["1ms", "2147483647ms"]);
  });

  it("has its files on the volume of the proxy", () => {
    expect(haproxy.file.startsWith("/envctl/") && haproxy.nextFile.startsWith("/envctl/")).toBe(true);
  });
});

describe("a name in HAProxy's own alphabet", () => {
  it("is read back, and another one for another text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (some) => {
        expect(asName(some)).toMatch(/^[\w.-]+$/);
        expect(fromName(asName(some))).toBe(some);
      }),
    );
    expect(asName("shop-prod")).toBe("shop-prod");
    expect([fromName("_ff"), fromName("_"), fromName("")]).toEqual([undefined, undefined, undefined]);
  });

  it("is a path as browsers send it", () => {
    expect(asRequested("/a/b-c_d.e~f")).toBe("/a/b-c_d.e~f");
    expect(asRequested("/caf é?#%")).toBe("/caf%20%C3%A9%3F%23%25");
  });
});

describe("the weights of upstreams", () => {
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `${prefix}${index}`, port: 80 }));
  const weights = (stable: number, tried: number, weight: number) =>
    weighed({ upstreams: names("stable", stable), canary: { upstreams: names("canary", tried), weight } });

  it("give a canary its percent, within what HAProxy can count", () => {
    const few = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(few, few, fc.integer({ min: 2, max: 98 }), (stable, tried, weight) => {
        const all = weights(stable, tried, weight);
        const sum = (some: typeof all) => some.reduce((total, one) => total + one.weight, 0);
        const share = sum(all.filter(({ upstream }) => upstream.name.startsWith("canary"))) / sum(all);
        expect(Math.abs(share * 100 - weight)).toBeLessThan(0.1);
        for (const one of all) expect(Number.isInteger(one.weight) && one.weight >= 1 && one.weight <= 256).toBe(true);
      }),
    );
    expect(weights(1, 1, 10).map(({ weight }) => weight)).toEqual([9, 1]);
    expect(weights(1, 1, 50).map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it("send all to the one kind where the other gets nothing", () => {
    const called = (all: ReturnType<typeof weighed>) => all.map(({ upstream }) => upstream.name);
    expect(called(weights(1, 1, 0))).toEqual(["stable0"]);
    expect(called(weights(1, 1, 100))).toEqual(["canary0"]);
    expect(called(weights(0, 1, 5))).toEqual(["canary0"]);
    expect(called(weights(1, 0, 5))).toEqual(["stable0"]);
  });
});

describe("an access log line of HAProxy", () => {
  it("tells site, upstream, status and duration", () => {
    expect(haproxy.readAccess("envctl serves:shop-prod 0:web-1 200 12 11")).toEqual({
      site: "shop-prod",
      upstream: "web-1",
      status: 200,
      duration: 12,
    });
  });

  it("names no upstream where none answered, but the one that was asked", () => {
    const unanswered = { site: "shop-prod", upstream: undefined };
    expect(haproxy.readAccess("envctl serves:shop-prod 0:web-1 504 2004 -1")).toEqual({
      ...unanswered,
      tried: "web-1",
      status: 504,
      duration: 2004,
    });
    expect(haproxy.readAccess("envctl sends:shop-prod <NOSRV> 308 0 -1")).toEqual({
      ...unanswered,
      status: 308,
      duration: 0,
    });
  });

  it("takes the worker that a request was handed to for no upstream", () => {
    const [server] = directivesOf(haproxy.render([siteOf()], "1")).filter((words) => words[2]?.startsWith("unix@"));
    for (const answered of ["503 2 2", "502 2 -1"]) {
      const access = haproxy.readAccess(`envctl serves:shop-prod ${server?.[1]} ${answered}`);
      expect(access).toMatchObject({ site: "shop-prod", upstream: undefined });
      expect(access).not.toHaveProperty("tried");
    }
  });

  it.each([
    "",
    "envctl",
    "envctl http <NOSRV> 400 0 -1",
    "envctl nothing <NOSRV> 404 0 -1",
    "envctl serves:shop-prod 0:web-1 -1 0 -1",
    "envctl serves:shop-prod 0:web-1 0 0 -1",
    "envctl serves:shop-prod 0:web-1 999 0 -1",
    "envctl serves:shop_prod 0:web-1 200 1 1",
    "envctl serves:shop-prod 0:web-1 200 1 1 more",
    " envctl serves:shop-prod 0:web-1 200 1 1",
    "Proxy serves:shop-prod stopped (cumulated conns: FE: 0, BE: 3).",
    "[NOTICE]   (1) : New worker (8) forked",
  ])("is not %j", (other) => {
    expect(haproxy.readAccess(other)).toBeUndefined();
  });

  it("is read from nothing that is foreign, and read back for any names", () => {
    fc.assert(fc.property(text, (other) => haproxy.readAccess(other) === undefined));
    const name = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(name, name, fc.nat({ max: 99 }), (id, host, index) => {
        const line = `envctl ${sectionOf({ id }, "serves")} ${serverName(host, index)} 200 1 1`;
        expect(haproxy.readAccess(line)).toEqual({ site: id, upstream: host, status: 200, duration: 1 });
      }),
    );
  });

  it("has nothing in it that a client could have written", () => {
    const format = directivesOf(haproxy.render([siteOf()], "1")).filter(([first]) => first === "log-format");
    expect(format).toEqual([["log-format", "envctl %b %s %ST %Ta %Tr"]]);
  });
});

describe("certificates that HAProxy cannot take together", () => {
  const own = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      siteOf({ id: `s${index}`, domains: [`s${index}.test`], tls: { kind: "own", fingerprint: "1" } }),
    );

  it("are more than fit into one line of its configuration", () => {
    const longest = (sites: readonly Site[]) =>
      Math.max(...directivesOf(haproxy.render(sites, "1")).map((words) => words.length));
    expect(haproxy.refusesTogether?.([...own(29), siteOf(), siteOf({ ports: [8080] })])).toBeUndefined();
    expect(longest(own(29))).toBeLessThanOrEqual(64);
    expect(haproxy.refusesTogether?.(own(30))).toMatch(/29 certificates.*with these would be 30/);
    expect(longest(own(30))).toBeGreaterThan(64);
  });
});

describe("a site that HAProxy refuses", () => {
  it.each([
    [siteOf({ ports: [9101] }), /9101/],
    [siteOf({ upstreams: [{ name: "unix@/run/x", port: 1 }] }), /no name/],
    [siteOf({ canary: { upstreams: [{ name: "$HOME", port: 1 }], weight: 1 } }), /no name/],
    [siteOf({ domains: ["a b"] }), /no name/],
    [siteOf({ tls: { kind: "internal" } }), /obtains no certificates/],
    [siteOf({ tls: { kind: "auto", email: undefined, directory: undefined } }), /obtains no certificates/],
    [siteOf({ errorPage: "é".repeat(100_000) }), /196 KiB/],
    [siteOf({ maintenancePage: "e".repeat(131_073) }), /129 KiB/],
  ])("is told why", (refused, why) => {
    expect(haproxy.refuses(refused)).toMatch(why);
  });

  it("is no usual one", () => {
    const own = { kind: "own", fingerprint: "1" } as const;
    for (const usual of [
      siteOf(),
      siteOf({ tls: own }),
      siteOf({ tls: own, domains: ["*.shop.test"] }),
      siteOf({ ports: [8080], tls: { kind: "internal" } }),
      siteOf({ errorPage: "e".repeat(131_072) }),
    ])
      expect(haproxy.refuses(usual)).toBeUndefined();
  });
});
