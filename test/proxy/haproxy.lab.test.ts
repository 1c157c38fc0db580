import { once } from "node:events";
import { Agent, request } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { haproxy } from "../../src/proxy/haproxy.ts";
import type { Access } from "../../src/proxy/proxy.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { text } from "./arbitrary-site.ts";
import { ProxyLab } from "./proxy-lab.ts";
import { ask, seen } from "./request.ts";
import { siteOf } from "./site.ts";

let proxy: ProxyLab;
let address: string;

const blue = [{ name: "blue", port: 3000 }];
const green = [{ name: "green", port: 3000 }];
const dead = [{ name: "blue", port: 3999 }];

/** What HAProxy logged of the sites since. */
async function accesses(from: number): Promise<Access[]> {
  const lines = (await proxy.lines()).slice(from);
  return lines.map(haproxy.readAccess).filter((access) => access !== undefined);
}

describeLab("HAProxy", () => {
  beforeAll(async () => {
    await ensureBaseImage("haproxy");
    proxy = await ProxyLab.start((await useLab()).localSocket, haproxy);
    address = await proxy.address();
    await Promise.all([proxy.upstream("blue"), proxy.upstream("green")]);
  });

  afterAll(() => proxy?.[Symbol.asyncDispose]());

  it("serves nothing under names it does not know", async () => {
    await proxy.serve([siteOf()]);
    const { status, text, headers } = await ask(address, { host: "other.test" });
    expect([status, text, headers["content-type"]]).toEqual([
      404,
      "Nothing is served here.\n",
      "text/plain; charset=utf-8",
    ]);
  });

  it("serves sites by their names, and by the longest path", async () => {
    const at = (id: string, path: string, upstreams = blue) => siteOf({ id, path, upstreams });
    await proxy.serve([
      at("a", "/"),
      { ...at("b", "/shop", green), stripPath: true },
      at("c", "/shop/deep", blue),
      siteOf({ id: "d", domains: ["other.test", "third.test"], upstreams: green }),
      siteOf({ id: "e", domains: ["*.wild.test"], upstreams: green }),
    ]);
    const who = async (path: string, host = "shop.test") => {
      const { name, url } = await seen(address, { path, host });
      return `${name} ${url}`;
    };
    expect(await who("/")).toBe("blue /");
    expect(await who("/shop")).toBe("green /");
    expect(await who("/shop/")).toBe("green /");
    expect(await who("/shop?a=1")).toBe("green /?a=1");
    expect(await who("/shop/a%20b?c=d")).toBe("green /a%20b?c=d");
    expect(await who("/shop/https://cdn.test//a.png")).toBe("green /https://cdn.test//a.png");
    expect(await who("/shopping")).toBe("blue /shopping");
    expect(await who("/Shop")).toBe("blue /Shop");
    expect(await who("/shop/deep/x")).toBe("blue /shop/deep/x");
    expect(await who("/shop", "third.test")).toBe("green /shop");
    expect(await who("/", "OTHER.test:8080")).toBe("green /");
    expect(await who("/", "any.wild.test")).toBe("green /");
    expect((await ask(address, { host: "wild.test" })).status).toBe(404);
  });

  it("serves a port by plain HTTP, whatever name is asked for", async () => {
    const tls = { kind: "own", fingerprint: "" } as const;
    await proxy.serve([
      siteOf({ ports: [8080, 8081], tls }),
      siteOf({ id: "b", ports: [8081], path: "/b", upstreams: green }),
    ]);
    for (const port of [8080, 8081]) {
      expect(await seen(address, { port, host: "whatever:8080" })).toMatchObject({ name: "blue" });
    }
    expect(await seen(address, { port: 8081, path: "/b" })).toMatchObject({ name: "green", url: "/b" });
    await expect(ask(address)).rejects.toThrow(/ECONNREFUSED/);
  });

  it("tells the app who asks and how, and believes no client", async () => {
    await proxy.serve([siteOf({ path: "/shop", stripPath: true })]);
    const lies = {
      "X-Forwarded-For": "1.2.3.4",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "evil.test",
      "X-Forwarded-Prefix": "/evil",
      "X-Real-Ip": "1.2.3.4",
      Forwarded: "for=1.2.3.4",
    };
    const { headers } = await seen(address, { path: "/shop", headers: { ...lies, Cookie: "a=b" } });
    const gateway = address.replace(/\d+$/, "1");
    expect(headers).toMatchObject({
      host: "shop.test",
      cookie: "a=b",
      "x-forwarded-for": gateway,
      "x-forwarded-proto": "http",
      "x-forwarded-host": "shop.test",
      "x-forwarded-prefix": "/shop",
    });
    expect(JSON.stringify(headers)).not.toMatch(/1\.2\.3\.4|evil/);
    expect(headers["accept-encoding"]).toBeUndefined();
  });

  it("passes on what a proxy in front of it says, if that one is trusted", async () => {
    const told = { "X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "front.test" };
    const gateway = address.replace(/\d+$/, "1");
    await proxy.serve([siteOf({ trustedProxies: [`${gateway}/32`, "2001:db8::/32"] })]);
    const trusted = await seen(address, { headers: told });
    expect(trusted.headers).toMatchObject({
      "x-forwarded-for": `192.0.2.9, ${gateway}`,
      "x-forwarded-proto": "https",
      "x-forwarded-host": "front.test",
    });
    const silent = await seen(address);
    const own = { "x-forwarded-for": gateway, "x-forwarded-proto": "http", "x-forwarded-host": "shop.test" };
    expect(silent.headers).toMatchObject(own);
    await proxy.serve([siteOf({ trustedProxies: ["198.51.100.0/24"] })]);
    expect((await seen(address, { headers: told })).headers).toMatchObject(own);
  });

  it("lets bodies through up to their limit, and answers 413 beyond", async () => {
    await proxy.serve([siteOf({ maxBody: 1000 })]);
    const agent = new Agent({ keepAlive: true });
    const post = (size: number, headers = {}) =>
      ask(address, { method: "POST", body: Buffer.alloc(size), agent, headers });
    expect(JSON.parse((await post(1000)).text)).toMatchObject({ received: 1000, method: "POST" });
    const refused = { status: 413, text: "413 Request Entity Too Large\n" };
    expect(await post(1001)).toMatchObject(refused);
    // It does not wait for the rest: whoever is still sending may find the connection closed.
    const large = { "content-length": "5000000" };
    expect(await ask(address, { method: "POST", headers: large })).toMatchObject(refused);
    const chunked = { "transfer-encoding": "chunked" };
    expect(await post(1001, chunked)).toMatchObject(refused);
    // In small pieces, it is not known before its end.
    const small = await post(10, chunked);
    expect(small).toMatchObject({ status: 411, text: "411 Length Required\n" });
    const empty = await ask(address, { method: "POST", headers: chunked, agent });
    expect(JSON.parse(empty.text)).toMatchObject({ received: 0 });
    const sly = { ...chunked, connection: "upgrade", upgrade: "other" };
    expect((await ask(address, { method: "POST", body: "a", headers: sly })).status).toBe(411);
    agent.destroy();
    // The upstream is not taken for dead.
    expect(await seen(address)).toMatchObject({ name: "blue" });
  });

  it("answers 504 if the app takes too long, with the user's own page", async () => {
    const errorPage = "<p>{env.PATH} \\{ oh } {http.request.host}</p>";
    await proxy.serve([siteOf({ responseTimeout: 300, errorPage })]);
    const from = performance.now();
    const { status, text, headers } = await ask(address, { path: "/?wait=5000", method: "POST" });
    expect([status, text, headers["content-type"]]).toEqual([504, errorPage, "text/html; charset=utf-8"]);
    expect(performance.now() - from).toBeLessThan(2000);
    expect(await seen(address, { path: "/?wait=100" })).toMatchObject({ name: "blue" });
  });

  it("lets an upload pause, and the app take its time only after it", async () => {
    await proxy.serve([siteOf({ responseTimeout: 300 })]);
    const body = Readable.from(
      (async function* () {
        yield Buffer.alloc(10_000);
        await wait(1000);
        yield Buffer.alloc(20_000);
      })(),
    );
    const asked = request({ host: address, method: "POST", headers: { host: "shop.test", "content-length": 30_000 } });
    body.pipe(asked);
    const [{ statusCode }] = await once(asked, "response");
    expect(statusCode).toBe(200);
  });

  it("shows the page where no app can be reached, and leaves the app's own errors alone", async () => {
    await proxy.serve([siteOf({ upstreams: dead, errorPage: "<p>sorry</p>" })]);
    expect(await ask(address)).toMatchObject({ status: 503, text: "<p>sorry</p>" });
    await proxy.serve([siteOf({ errorPage: "<p>sorry</p>" })]);
    const own = await ask(address, { path: "/?status=502" });
    expect([own.status, JSON.parse(own.text).name]).toEqual([502, "blue"]);
    await proxy.serve([siteOf({ upstreams: [{ name: "nobody", port: 80 }] })]);
    expect(await ask(address)).toMatchObject({ status: 503, text: "503 Service Unavailable\n" });
  });

  it("goes round the upstreams, and passes over a dead one", async () => {
    await proxy.serve([siteOf({ upstreams: [...blue, ...green] })]);
    const names = async (count: number) => {
      const found: string[] = [];
      for (let index = 0; index < count; index += 1) found.push((await seen(address, { method: "POST" })).name);
      return found.sort();
    };
    expect(await names(4)).toEqual(["blue", "blue", "green", "green"]);
    await proxy.serve([siteOf({ upstreams: [...dead, ...green, { name: "nobody", port: 80 }] })]);
    expect(await names(4)).toEqual(["green", "green", "green", "green"]);
  });

  it("sends no request twice that may have been received", async () => {
    await proxy.serve([siteOf({ upstreams: [...blue, ...green], responseTimeout: 300 })]);
    const before = (await proxy.lines()).length;
    expect(await ask(address, { path: "/?wait=1000", method: "POST" })).toMatchObject({ status: 504 });
    await expect.poll(() => accesses(before)).toHaveLength(1);
    expect((await accesses(before))[0]?.duration).toBeLessThan(600);
  });

  it("keeps a site in maintenance from its app", async () => {
    const maintenancePage = "<p>back { soon }</p>";
    await proxy.serve([siteOf({ maintenance: true, maintenancePage })]);
    const before = (await proxy.lines()).length;
    const { status, text, headers } = await ask(address, { path: "/a", method: "POST", body: "b" });
    expect([status, text, headers["retry-after"]]).toEqual([503, maintenancePage, "30"]);
    await expect.poll(() => accesses(before)).toMatchObject([{ site: "shop-prod", upstream: undefined, status: 503 }]);
    await proxy.serve([siteOf({ maintenance: true })]);
    expect((await ask(address)).text).toMatch(/maintenance/);
  });

  it("takes texts of the user's for nothing but texts", async () => {
    const hostile = fc.sample(text, { numRuns: 40, seed: 1 }).map((some) => some.replaceAll("\0", ""));
    const sites = hostile.map((html, index) => {
      const page = { maintenancePage: html, errorPage: html, maintenance: index % 2 === 0 };
      const id = `${index} ${html}`;
      return siteOf({ ...page, id, path: `/${index}-${html}`, domains: [`s${index}.test`], upstreams: dead });
    });
    const plain = sites.map((site) => ({ ...site, id: `plain ${site.id}`, path: "/", upstreams: [] }));
    await proxy.serve([...sites, ...plain, siteOf({ path: "/%[src]'é", stripPath: true })]);
    const shown = await Promise.all(hostile.map((_, index) => ask(address, { host: `s${index}.test` })));
    expect(shown.map(({ text }) => text)).toEqual(hostile.map((html) => Buffer.from(html).toString() || "\n"));
    const path = "/%25%5Bsrc%5D'%C3%A9/x?y=%5B";
    const { url, headers } = await seen(address, { path });
    expect([url, headers["x-forwarded-prefix"]]).toEqual(["/x?y=%5B", "/%25%5Bsrc%5D'%C3%A9"]);
    const known = new Set([...sites, ...plain].map(({ id }) => Buffer.from(id).toString()));
    const logged = (await accesses(0)).filter(({ site }) => site.startsWith("plain "));
    expect(logged.filter(({ site }) => !known.has(site))).toEqual([]);
    expect(logged).toHaveLength(hostile.length);
  });

  it("passes events on as they come", async () => {
    await proxy.serve([siteOf()]);
    const { text, arrivals } = await ask(address, { path: "/events" });
    expect(text).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
    expect(arrivals[0]).toBeLessThan(400);
    expect(arrivals.at(-1)).toBeGreaterThan(900);
  });

  it("gives a canary its share, and says whose answer each was", async () => {
    await proxy.serve([siteOf({ canary: { upstreams: green, weight: 10 } })]);
    const before = (await proxy.lines()).length;
    const counts: Record<string, number> = {};
    for (let round = 0; round < 100; round += 1) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(address)));
      for (const { text, headers } of answers) {
        const { name } = JSON.parse(text) as { name: string };
        counts[name] = (counts[name] ?? 0) + 1;
        // No trace of it reaches clients.
        expect(Object.keys(headers).filter((header) => /envctl|via|haproxy/.test(header))).toEqual([]);
      }
    }
    expect(counts).toEqual({ blue: 900, green: 100 });
    // HAProxy rather loses a line than to keep a request waiting for a thread that is just writing one.
    await expect.poll(async () => (await accesses(before)).length, { timeout: 5_000 }).toBeGreaterThan(900);
    const logged = await accesses(before);
    expect(logged.filter(({ upstream }) => upstream === "green").length).toBeGreaterThan(90);
    expect(logged.filter(({ upstream }) => upstream === "blue").length).toBeGreaterThan(810);
    expect(new Set(logged.map(({ site, status }) => `${site} ${status}`))).toEqual(new Set(["shop-prod 200"]));
  });

  it("logs nothing of a site that wants no access log, and reads no foreign text", async () => {
    await proxy.serve([siteOf({ accessLog: false }), siteOf({ id: "b", path: "/b" })]);
    const before = (await proxy.lines()).length;
    await ask(address, { path: "/quiet" });
    const forged = '{"logger":"http.log.access","msg":"handled request","user_id":"envctl evil x:1 1 "}';
    await ask(address, { path: `/b/${encodeURIComponent(forged)}`, headers: { "user-agent": forged, via: forged } });
    await ask(address, { host: "unknown.test" });
    await expect.poll(async () => (await accesses(before)).map(({ site }) => site)).toEqual(["b"]);
    expect((await proxy.lines()).slice(before).join("\n")).not.toMatch(/quiet/);
  });
});
