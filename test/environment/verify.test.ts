import { describe, expect, it } from "vitest";
import { resolvedDocument } from "../../src/environment/resolved-document.ts";
import type { Check } from "../../src/environment/verification.ts";
import { minimal, mistakes, readText, warnings } from "./read.ts";

const app = `${minimal}app: { port: 8080 }\nservices: { db: { image: "x:1", port: 5432 } }\n`;
const stage = (verify: string, more = "") => `${app}stages:\n  dev:\n    verify: ${verify}${more}\n`;
const checksOf = async (verify: string, more?: string): Promise<readonly Check[]> => {
  const result = await readText(stage(verify, more));
  expect([...mistakes(result), ...warnings(result)]).toEqual([]);
  return result.environment?.stages[0]?.verify.checks ?? [];
};

describe("the checks of a stage", () => {
  it("are of four kinds, and complete", async () => {
    const checks = await checksOf(
      '[{ name: a, http: { path: / } }, { name: b, tcp: {} }, { name: c, run: "x \'y z\'", junit: "r/*.xml" }, { name: d, local: [x], timeout: 1m, retries: 2, interval: 1s }]',
    );
    const frame = { timeout: 10_000, retries: 5, interval: 2000 };
    expect(checks).toEqual([
      {
        ...{ name: "a", ...frame, kind: "http", target: { kind: "containers", path: "/", port: 8080 }, method: "GET" },
        ...{ status: [{ from: 200, to: 299 }], headers: {}, expectHeaders: {}, body: undefined, within: undefined },
      },
      { name: "b", ...frame, kind: "tcp", port: 8080, service: undefined },
      { name: "c", ...frame, timeout: 600_000, retries: 0, kind: "run", command: ["x", "y z"], junit: "r/*.xml" },
      { name: "d", timeout: 60_000, retries: 2, interval: 1000, kind: "local", command: ["x"], junit: undefined },
    ]);
  });

  it("ask the proxy where there is one, unless a port is named", async () => {
    const checks = await checksOf(
      "[{ name: a, http: { path: /shop/x } }, { name: b, http: { path: /x, port: 81 } }, { name: c, http: { url: 'https://a.test/' } }]",
      "\n    domain: shop.test\n    proxy: { path: /shop }",
    );
    expect(checks.map((check) => check.kind === "http" && check.target)).toEqual([
      { kind: "proxy", path: "/shop/x" },
      { kind: "containers", path: "/x", port: 81 },
      { kind: "url", url: "https://a.test/" },
    ]);
  });

  it("name statuses, headers and bodies", async () => {
    const [check] = await checksOf(
      "[{ name: a, http: { path: /, status: [2xx, 404], expect_headers: { X-A: b }, body: '/v\\d+/i', within: 1s } }]",
    );
    expect(check).toMatchObject({
      status: [
        { from: 200, to: 299 },
        { from: 404, to: 404 },
      ],
      expectHeaders: { "x-a": { text: "b", expression: undefined } },
      body: { text: "/v\\d+/i", expression: /v\d+/i },
      within: 1000,
    });
  });

  it("say what a failure does, which keeps the release by default", async () => {
    const read = async (verify: string) => (await readText(stage(verify))).environment?.stages[0]?.verify.onFailure;
    expect(await read("{ checks: [{ name: a, tcp: {} }], on_failure: rollback }")).toBe("rollback");
    expect(await read("[{ name: a, tcp: {} }]")).toBe("keep");
  });

  it("are shown by `envctl config`, without what is secret in headers", async () => {
    const { environment } = await readText(
      stage("[{ name: a, http: { path: /, headers: { Authorization: Bearer x, Accept: y } } }, { name: b, run: [x] }]"),
    );
    const document = environment && resolvedDocument(environment, "dev");
    expect(document).toMatchObject({
      stages: {
        dev: {
          verify: {
            checks: [
              {
                name: "a",
                http: { path: "/", port: 8080, status: ["2xx"], headers: { Authorization: "<masked>", Accept: "y" } },
                timeout: "10s",
                retries: 5,
              },
              { name: "b", run: ["x"], timeout: "10m" },
            ],
            on_failure: "keep",
          },
        },
      },
    });
  });

  it("are shown by `envctl config` without the password of an address", async () => {
    const { environment } = await readText(stage('[{ name: a, http: { url: "https://me:hush@x.example/healthz" } }]'));
    const document = environment && resolvedDocument(environment, "dev");
    expect(document).toMatchObject({
      stages: { dev: { verify: { checks: [{ http: { url: "https://me:<masked>@x.example/healthz" } }] } } },
    });
  });

  it.each<[string, string, RegExp]>([
    ["no kind", "[{ name: a }]", /^7:14 the check `a` checks nothing \| give it one of/],
    ["two kinds", "[{ name: a, tcp: {}, run: [x] }]", /^7:34 a check is of one kind: this one has `tcp` already/],
    ["a name twice", "[{ name: a, tcp: {} }, { name: a, tcp: {} }]", /^7:44 there is a check `a` already/],
    ["no name", "[{ tcp: {} }]", /^7:14 `name` is missing/],
    ["a name that is none", "[{ name: A b, tcp: {} }]", /^7:22 "A b" is not valid here/],
    ["an unknown key", "[{ name: a, htp: {} }]", /^7:25 unknown key `htp`; did you mean `http`\?/],
    ["junit of no command", "[{ name: a, tcp: {}, junit: x.xml }]", /^7:34 `tcp` writes no JUnit report/],
    ["a junit pattern that is none", '[{ name: a, run: [x], junit: "[a" }]', /^7:42 "\[a" is no path or pattern/],
    ["neither path nor url", "[{ name: a, http: {} }]", /^7:31 an HTTP check asks for a `path`/],
    ["both path and url", '[{ name: a, http: { path: /, url: "http://x" } }]', /^7:39 .*not both/],
    [
      "a url with a port beside it",
      '[{ name: a, http: { url: "http://x", port: 1 } }]',
      /^7:56 a `url` has its port in it/,
    ],
    ["a url that is none", "[{ name: a, http: { url: shop.test } }]", /^7:38 this is no address that HTTP goes to/],
    ["a path that is none", "[{ name: a, http: { path: x } }]", /^7:39 "x" is no path of a URL/],
    ["a status that is none", "[{ name: a, http: { path: /, status: 999 } }]", /^7:50 "999" is no HTTP status/],
    ["a status in a list", "[{ name: a, http: { path: /, status: [200, 20x] } }]", /^7:56 "20x" is no HTTP status/],
    [
      "an expression that is none",
      "[{ name: a, http: { path: /, body: '/(/' } }]",
      /^7:48 "\/\(\/" is no regular expression/,
    ],
    [
      "a body of HEAD",
      "[{ name: a, http: { path: /, method: HEAD, body: x } }]",
      /^7:62 the answer to HEAD has no body/,
    ],
    [
      "a method that is none",
      "[{ name: a, http: { path: /, method: get } }]",
      /^7:50 "get" is not allowed; did you mean `GET`/,
    ],
    ["a header of two lines", '[{ name: a, http: { path: /, headers: { A: "x\\ny" } } }]', /^7:56 this cannot be sent/],
    [
      "a limit beyond the timeout",
      "[{ name: a, timeout: 1s, http: { path: /, within: 2s } }]",
      /^7:63 the check is over before/,
    ],
    [
      "a duration without a unit",
      '[{ name: a, timeout: "5", tcp: {} }]',
      /^7:34 "5" is no duration.*did you mean `5s`/,
    ],
    [
      "a service that is none",
      "[{ name: a, tcp: { service: bd } }]",
      /^7:41 the stage has no service `bd` \| its services are: db/,
    ],
    [
      "a wrong on_failure",
      "{ checks: [], on_failure: stop }",
      /^7:39 "stop" is not allowed \| allowed: keep, rollback/,
    ],
    ["neither list nor map", "home", /^7:13 this is the text "home", and cannot be read here/],
  ])("%s is a mistake, at its place", async (_, verify, expected) => {
    const found = mistakes(await readText(stage(verify)));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it("below the proxy's path alone, and with a port that somebody listens on", async () => {
    const beside = await readText(
      stage("[{ name: a, http: { path: /x } }]", "\n    domain: shop.test\n    proxy: { path: /shop }"),
    );
    expect(mistakes(beside)).toEqual([
      expect.stringMatching(/^7:39 clients reach the app below `\/shop`.*`\/shop\/x`/),
    ]);
    const portless = await readText(`${minimal}stages: { dev: { verify: [{ name: a, http: { path: / } }] } }\n`);
    expect(mistakes(portless)).toEqual([expect.stringMatching(/^3:44 this check needs a port/)]);
  });
});
