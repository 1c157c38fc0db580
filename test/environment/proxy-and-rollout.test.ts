import { describe, expect, it } from "vitest";
import { minimal, mistakes, readText } from "./read.ts";

const http = "app: { port: 8080, health: { path: /up } }\n";
const stage = (keys: string, app = http) => `${minimal}${app}stages: { dev: { ${keys} } }\n`;
const published = 'ports: ["80:8080"]';

async function only(text: string) {
  const result = await readText(text);
  expect(mistakes(result)).toEqual([]);
  return result.environment?.stages[0];
}

describe("which stage has a proxy", () => {
  it.each([
    ["a published port on which the app is known to speak HTTP", stage(published), ["80"], 0],
    [
      "a published port, where the file speaks of a proxy",
      stage(`${published}, proxy: {}`, "app: { port: 8080 }\n"),
      ["80"],
      0,
    ],
    ["a domain, and nothing published", stage("domain: Shop.example.com", "app: { port: 8080 }\n"), [], 1],
    ["both, and another port that the app keeps", stage('ports: ["8000:8080", "9090:9090"], domain: a.b'), ["8000"], 1],
  ])("%s", async (_, text, ports, domains) => {
    const found = await only(text);
    expect(found?.proxy?.ports.map(({ hostPort }) => String(hostPort))).toEqual(ports);
    expect(found?.proxy?.domains).toHaveLength(domains);
    expect(found?.app.ports.some(({ containerPort }) => containerPort === 8080)).toBe(false);
  });

  it.each([
    ["nothing published", stage("")],
    ["an app of which nobody knows that it speaks HTTP", stage(published, "app: { port: 8080 }\n")],
    ["a check on another port", stage(published, "app: { port: 8080, health: { path: /up, port: 9000 } }\n")],
    ["UDP", stage('ports: ["80:8080/udp"]')],
    ["`proxy: false`", stage(`${published}, proxy: false`)],
  ])("none: %s", async (_, text) => {
    const found = await only(text);
    expect(found?.proxy).toBeUndefined();
    expect(found?.app.ports).toEqual(found?.ports);
  });

  it("has a name once that is there in two spellings", async () => {
    expect((await only(stage("domain: 192.168.1.10, proxy: { tls: off }")))?.proxy?.domains).toEqual(["192.168.1.10"]);
    expect((await only(stage("domain: [Shop.test, a.test, shop.test]")))?.proxy?.domains).toEqual([
      "shop.test",
      "a.test",
    ]);
  });

  it("takes each key of the stage over that of the whole file", async () => {
    const text = `${minimal}${http}proxy: { drain: 5s, path: /all, max_body: 1m }\nstages: { dev: { ${published}, proxy: { path: /own } } }\n`;
    expect((await only(text))?.proxy).toMatchObject({ drain: 5000, path: "/own", maxBody: 1_048_576, driver: "caddy" });
  });
});

describe("a mistake in a proxy is shown at its place", () => {
  it.each<[string, string, RegExp]>([
    [
      "a domain without a proxy",
      stage("proxy: false, domain: a.b"),
      /^4:\d+ a `domain` needs a proxy \| take one of the two away$/,
    ],
    [
      "an app without a port",
      stage("domain: a.b", ""),
      /^3:26 a proxy needs to know the app's port \| say which port .*`app\.port`/,
    ],
    [
      "a URL for a domain",
      stage('domain: "https://a.b"'),
      /^4:26 "https:\/\/a\.b" is no domain name \| did you mean `a\.b`\?$/,
    ],
    [
      "a domain with a path",
      stage("domain: [a.b, a.b/shop]"),
      /^4:32 "a\.b\/shop" is no domain name \| did you mean `a\.b`\? Paths and ports have keys of their own/,
    ],
    ["a domain with a port", stage('domain: "a.b:8443"'), /^4:26 .*`proxy\.https_port`/],
    ["a domain in another script", stage("domain: müller.example"), /^4:26 .* \| .*punycode/],
    [
      "an address, for which no client asks by name, and so gets no certificate",
      stage("domain: [a.b, 192.168.1.10]"),
      /^4:32 192\.168\.1\.10 is an address: clients tell a proxy no name .* \| give it a name .*`proxy\.tls: off`/,
    ],
    [
      "an address with a certificate from the proxy's own authority",
      `proxy: { tls: internal }\n${stage("domain: 192.168.1.10")}`,
      /^5:26 192\.168\.1\.10 is an address/,
    ],
    ["a wildcard in the midst", stage('domain: "a.*.b"'), /^4:26 "a\.\*\.b" is no domain name/],
    [
      "an image that is none",
      stage(`${published}, proxy: { image: "Caddy:2:1" }`),
      /is no image reference \| such as caddy:2\.8/,
    ],
    ["a path that is none", stage(`${published}, proxy: { path: shop }`), /^4:\d+ "shop" is no path \| .*\/shop/],
    ["a doubled slash", stage(`${published}, proxy: { path: /a//b }`), /"\/a\/\/b" is no path/],
    [
      "a size that is none",
      stage(`${published}, proxy: { max_body: much }`),
      /"much" is no size \| write it like 512k, 10m or 1g/,
    ],
    [
      "an address of one link alone",
      stage(`${published}, proxy: { trusted_proxies: ["fe80::1%eth0"] }`),
      /"fe80::1%eth0" is no address or network \| such as/,
    ],
    [
      "one port for both, as one of them has it by default",
      stage("domain: a.b, proxy: { http_port: 443 }"),
      /^4:\d+ a proxy cannot have port 443 for HTTP and for HTTPS \| give it two ports/,
    ],
    [
      "one port for both, of which the stage names one",
      `proxy: { http_port: 8080 }\n${stage("domain: a.b, proxy: { https_port: 8080, tls: off }")}`,
      /^5:\d+ a proxy cannot have port 8080 for HTTP and for HTTPS/,
    ],
    ["a duration without a unit", stage(`${published}, proxy: { drain: "30" }`), /"30" is no duration/],
    [
      "a certificate without its key",
      stage("domain: a.b, proxy: { tls: { certificate: envctl.yaml } }"),
      /a certificate needs its key.* \| give both/,
    ],
    [
      "a key without its certificate",
      stage("domain: a.b, proxy: { tls: { key: envctl.yaml } }"),
      /a certificate needs its key/,
    ],
    [
      "a certificate that is not there",
      stage("domain: a.b, proxy: { tls: { certificate: no.pem, key: envctl.yaml } }"),
      /no\.pem cannot be read \| paths are relative to the environment file/,
    ],
    [
      "a certificate of one's own from an ACME server",
      stage("domain: a.b, proxy: { tls: { certificate: envctl.yaml, key: envctl.yaml, email: a@b.c } }"),
      /comes from no ACME server \| give either/,
    ],
    [
      "an ACME directory that is no URL",
      stage("domain: a.b, proxy: { tls: { directory: nowhere } }"),
      /"nowhere" is no URL/,
    ],
    [
      "a page that is not there",
      stage(`${published}, proxy: { error_page: no.html }`),
      /no\.html cannot be read \| paths are relative/,
    ],
    [
      "a driver that is none",
      stage(`${published}, proxy: { driver: cady }`),
      /"cady" is not allowed; did you mean `caddy`\?/,
    ],
    [
      "a domain whose certificate nobody obtains",
      stage("domain: a.b, proxy: { driver: haproxy }"),
      /^4:48 HAProxy obtains no certificates, and dev has a `domain` \| bring your own one[^\n]*$/,
    ],
    [
      "the same, where the file names the driver for all stages, and a stage the authority",
      `${minimal}${http}proxy: { driver: haproxy }\nstages: { dev: { domain: a.b, proxy: { tls: internal } } }\n`,
      /^4:18 HAProxy obtains no certificates/,
    ],
    [
      "a certificate without its key, and no word of what else HAProxy wants",
      stage("domain: a.b, proxy: { driver: haproxy, tls: { key: a.pem } }"),
      /^4:62 a certificate needs its key[^\n]*$/,
    ],
  ])("%s", async (_, text, expected) => {
    const result = await readText(text);
    expect(mistakes(result).join("\n")).toMatch(expected);
    expect(result.error?.exitCode).toBe(2);
  });

  it("a page that is too large", async () => {
    const files = { "big.html": "x".repeat(65_537), "fits.html": "x".repeat(65_536) };
    const text = stage(`${published}, proxy: { error_page: fits.html, maintenance_page: big.html }`);
    expect(mistakes(await readText(text, {}, { files })).join("\n")).toMatch(
      /^4:\d+ big\.html is larger than 64 KiB \| let the page load/,
    );
  });

  it("a mistake of the whole file's proxy is shown there", async () => {
    const text = `${minimal}${http}proxy: { path: shop }\nstages: { dev: { ${published} } }\n`;
    expect(mistakes(await readText(text))).toEqual([expect.stringMatching(/^4:16 "shop" is no path/)]);
  });
});

describe("a mistake in a rollout is shown at its place", () => {
  it.each<[string, string, RegExp]>([
    [
      "blue-green without a proxy",
      stage("rollout: { strategy: blue-green }"),
      /^4:\d+ `blue-green` needs a proxy .* \| give the stage a `domain`/,
    ],
    [
      "a canary for another strategy",
      stage(`${published}, rollout: { canary: { weight: 5 } }`),
      /`canary` says nothing to `strategy: rolling` \| did you mean `strategy: canary`\?/,
    ],
    [
      "a canary by both",
      stage(`${published}, rollout: { strategy: canary, canary: { weight: 5, hosts: 1 } }`),
      /`weight`\) or of the hosts \(`hosts`\), not both/,
    ],
    [
      "a weight without a proxy",
      stage("rollout: { strategy: canary, canary: { weight: 5 } }"),
      /without a proxy no share of the requests .* \| use `hosts`/,
    ],
    [
      "weights that do not grow",
      stage(`${published}, rollout: { strategy: canary, canary: { weight: [5, 25, 25] } }`),
      /each step must be larger .* \| such as \[5, 25, 50\]/,
    ],
    ["a weight that is all", stage(`${published}, rollout: { strategy: canary, canary: { weight: 100 } }`), /^4:\d+ /],
    ["no host at once", stage("rollout: { batch: 0 }"), /^4:\d+ /],
    ["no host away", stage("rollout: { max_unavailable: 0 }"), /^4:\d+ /],
    [
      "a strategy that is none",
      stage("rollout: { strategy: bluegreen }"),
      /"bluegreen" is not allowed; did you mean `blue-green`\?/,
    ],
    ["a bake without a unit", stage('rollout: { strategy: canary, canary: { bake: "5" } }'), /"5" is no duration/],
  ])("%s", async (_, text, expected) => {
    expect(mistakes(await readText(text)).join("\n")).toMatch(expected);
  });

  it("completes what is not said", async () => {
    expect((await only(stage("rollout: { batch: 3 }")))?.rollout).toMatchObject({
      strategy: "rolling",
      maxUnavailable: 3,
      keep: 3,
    });
    const weighed = await only(stage(`${published}, rollout: { strategy: canary }`));
    expect(weighed?.rollout.canary).toMatchObject({ weights: [10], bake: 60_000 });
    const byHosts = await only(stage("rollout: { strategy: canary }"));
    expect(byHosts?.rollout.canary).toMatchObject({ weights: [], hosts: 1 });
  });
});

describe("two stages at one name", () => {
  const two = (one: string, other: string, hosts = "local") =>
    `${minimal}${http}stages:\n  a: { domain: x.y, ${one} }\n  b: { hosts: ${hosts}, domain: [z.y, x.y], ${other} }\n`;

  it.each([
    ["the same path", two("", "")],
    ["the same path with a slash at its end", two("proxy: { path: /shop }", "proxy: { path: /shop/ }")],
  ])("%s: refused", async (_, text) => {
    expect(mistakes(await readText(text))).toEqual([
      expect.stringMatching(/^6:\d+ x\.y.* on local is taken by stage a already \| give one of them another domain/),
    ]);
  });

  it.each([
    ["other paths", two("proxy: { path: /shop }", "proxy: { path: /shop2 }")],
    ["other ports", two("", "proxy: { http_port: 8000, https_port: 8443 }")],
    ["other hosts", two("", "", "ssh://elsewhere")],
  ])("%s: served", async (_, text) => {
    expect(mistakes(await readText(text))).toEqual([]);
  });
});
