import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { haproxy } from "../../src/proxy/haproxy.ts";
import { certificateFile, keyFile, type Site } from "../../src/proxy/proxy.ts";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { ProxyLab } from "./proxy-lab.ts";
import { ask, seen } from "./request.ts";
import { siteOf } from "./site.ts";

let proxy: ProxyLab;
let address: string;
let folder: string;
let shopAuthority: string;

const shop = siteOf({ tls: { kind: "own", fingerprint: "1" } });
const own = siteOf({ id: "own", domains: ["own.test"], tls: { kind: "own", fingerprint: "1" } });

/** A new authority's certificate for a site. */
async function bring(site: Site, name: string): Promise<string> {
  const authority = await mkdtemp(join(folder, "authority-"));
  const files = { key: proxy.path(keyFile(site)), certificate: proxy.path(certificateFile(site)) };
  await createAuthority(authority);
  await createCertificate(authority, files, { name, use: "serverAuth" });
  return await readFile(`${authority}/ca.pem`, "utf8");
}

/** One request on a session of HTTP/2. */
function stream(session: ClientHttp2Session, path: string, body?: Buffer): Promise<[IncomingHttpHeaders, string]> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST";
    const request = session.request({ ":path": path, ":authority": "shop.test", ":method": method });
    let headers: IncomingHttpHeaders = {};
    let text = "";
    request.on("response", (answered) => {
      headers = answered;
    });
    request.on("data", (data: Buffer) => {
      text += data.toString();
    });
    request.on("end", () => resolve([headers, text]));
    request.on("error", reject);
    request.end(body);
  });
}

const session = () => connect("https://shop.test", { host: address, servername: "shop.test", ca: shopAuthority });

describeLab("HAProxy with TLS", () => {
  beforeAll(async () => {
    await ensureBaseImage("haproxy");
    folder = await mkdtemp(join(tmpdir(), "envctl-haproxy-tls-"));
    proxy = await ProxyLab.start((await useLab()).localSocket, haproxy);
    address = await proxy.address();
    await Promise.all([proxy.upstream("blue"), proxy.upstream("green")]);
    shopAuthority = await bring(shop, "shop.test");
  });

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves a certificate of the user's own", async () => {
    await proxy.serve([shop]);
    const { headers } = await seen(address, { authority: shopAuthority });
    expect(headers).toMatchObject({ "x-forwarded-proto": "https", "x-forwarded-host": "shop.test" });
    const other = await ask(address, { authority: false, headers: { host: "other.test" } });
    expect([other.status, other.text]).toEqual([404, "Nothing is served here.\n"]);
  });

  it("sends browsers to HTTPS, and to the port that they know", async () => {
    await proxy.serve([shop, siteOf({ id: "plain", domains: ["plain.test"] })]);
    const before = (await proxy.lines()).length;
    const { status, headers } = await ask(address, { path: "/a%20b?c=d", method: "POST", host: "shop.test:80" });
    expect([status, headers.location]).toEqual([308, "https://shop.test/a%20b?c=d"]);
    const accesses = async () => (await proxy.lines()).slice(before).map(haproxy.readAccess);
    await expect.poll(accesses).toContainEqual(expect.objectContaining({ site: "shop-prod", status: 308 }));
    expect((await ask(address, { host: "plain.test" })).status).toBe(200);
    expect((await ask(address, { host: "other.test" })).status).toBe(404);
    await proxy.serve([{ ...shop, httpsPort: 8443 }]);
    expect((await ask(address)).headers.location).toBe("https://shop.test:8443/");
  });

  it("takes the next certificate in the place of one, and leaves the other site its own", async () => {
    const first = await bring(own, "own.test");
    await proxy.serve([shop, own]);
    expect(await seen(address, { host: "own.test", authority: first })).toMatchObject({ name: "blue" });
    const second = await bring(own, "own.test");
    await expect(ask(address, { host: "own.test", authority: second })).rejects.toThrow(/certificate/);
    await proxy.serve([shop, { ...own, tls: { kind: "own", fingerprint: "2" } }]);
    expect(await seen(address, { host: "own.test", authority: second })).toMatchObject({ name: "blue" });
    await expect(ask(address, { host: "own.test", authority: first })).rejects.toThrow(/certificate/);
    expect(await seen(address, { authority: shopAuthority })).toMatchObject({ name: "blue" });
  });

  it("serves any name by the certificate of a site that names none", async () => {
    const authority = await bring(own, "own.test");
    await proxy.serve([shop, { ...own, domains: [], tls: { kind: "own", fingerprint: "3" } }]);
    expect(await seen(address, { host: "own.test", authority })).toMatchObject({ name: "blue" });
    expect(await seen(address, { host: "any.test", authority: false })).toMatchObject({ name: "blue" });
    expect(await seen(address, { authority: shopAuthority })).toMatchObject({ name: "blue" });
    expect((await ask(address, { host: "any.test" })).headers.location).toBe("https://any.test/");
  });

  it("refuses a key that is another certificate's, and serves on", async () => {
    await proxy.serve([shop]);
    const mixed = { ...own, id: "mixed" };
    await bring(mixed, "own.test");
    await copyFile(proxy.path(keyFile(shop)), proxy.path(keyFile(mixed)));
    await expect(proxy.serve([shop, mixed])).rejects.toThrow(/mixed\.crt/);
    expect(await seen(address, { authority: shopAuthority })).toMatchObject({ name: "blue" });
  });

  it("speaks HTTP/2, and ends no stream at a reload", async () => {
    await proxy.serve([shop]);
    const client = session();
    try {
      const [headers] = await stream(client, "/");
      expect([headers[":status"], client.alpnProtocol]).toEqual([200, "h2"]);
      const slow = stream(client, "/?wait=1500");
      const upload = stream(client, "/?wait=1500", Buffer.alloc(500_000));
      await wait(100);
      await proxy.serve([{ ...shop, upstreams: [{ name: "green", port: 3000 }] }]);
      expect(JSON.parse((await slow)[1])).toMatchObject({ name: "blue" });
      expect(JSON.parse((await upload)[1])).toMatchObject({ name: "blue", received: 500_000 });
    } finally {
      client.destroy();
    }
    expect(await seen(address, { authority: shopAuthority })).toMatchObject({ name: "green" });
  });

  it("lets no body of unknown length past a limit by HTTP/2 either", async () => {
    await proxy.serve([{ ...shop, maxBody: 100_000 }]);
    const client = session();
    try {
      const [{ ":status": status }] = await stream(client, "/", Buffer.alloc(500_000));
      expect(status).toBe(411);
      expect((await stream(client, "/"))[0][":status"]).toBe(200);
    } finally {
      client.destroy();
    }
  });
});
