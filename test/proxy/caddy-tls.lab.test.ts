import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { caddy } from "../../src/proxy/caddy.ts";
import { certificateFile, keyFile } from "../../src/proxy/proxy.ts";
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

const internal = siteOf({ tls: { kind: "internal" } });
const own = siteOf({ id: "own", domains: ["own.test"], tls: { kind: "own", fingerprint: "1" } });

/** The root that signs what the proxy makes up itself. */
const root = () => proxy.docker("exec", proxy.proxy, "cat", "/data/caddy/pki/authorities/local/root.crt");

async function bring(name: string): Promise<string> {
  const files = { key: proxy.path(keyFile(own)), certificate: proxy.path(certificateFile(own)) };
  await createAuthority(`${folder}/${name}`);
  await createCertificate(`${folder}/${name}`, files, { name: "own.test", use: "serverAuth" });
  return await readFile(`${folder}/${name}/ca.pem`, "utf8");
}

/** One request on a session of HTTP/2. */
function stream(session: ClientHttp2Session, path: string): Promise<{ headers: IncomingHttpHeaders; text: string }> {
  return new Promise((resolve, reject) => {
    const request = session.request({ ":path": path, ":authority": "shop.test" });
    let headers: IncomingHttpHeaders = {};
    let text = "";
    request.on("response", (answered) => {
      headers = answered;
    });
    request.on("data", (data: Buffer) => {
      text += data.toString();
    });
    request.on("end", () => resolve({ headers, text }));
    request.on("error", reject);
    request.end();
  });
}

describeLab("Caddy with TLS", () => {
  beforeAll(async () => {
    await ensureBaseImage("caddy");
    folder = await mkdtemp(join(tmpdir(), "envctl-caddy-tls-"));
    proxy = await ProxyLab.start((await useLab()).localSocket, caddy);
    address = await proxy.address();
    await proxy.upstream("blue");
    await proxy.serve([internal]);
  });

  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("serves names with certificates of its own authority", async () => {
    await proxy.serve([internal]);
    await expect.poll(() => ask(address, { authority: false }).then(({ status }) => status, String)).toBe(200);
    const { headers } = await seen(address, { authority: await root(), path: "/" });
    expect(headers).toMatchObject({ "x-forwarded-proto": "https", "x-forwarded-host": "shop.test" });
    await expect(ask(address, { authority: false, host: "other.test" })).rejects.toThrow(/alert|TLS|SSL/);
    const other = await ask(address, { authority: false, headers: { host: "other.test" } });
    expect([other.status, other.text]).toEqual([404, "Nothing is served here.\n"]);
  });

  it("sends browsers to HTTPS, and to the port that they know", async () => {
    await proxy.serve([internal, siteOf({ id: "plain", domains: ["plain.test"] })]);
    const { status, headers } = await ask(address, { path: "/a%20b?c=d", method: "POST", host: "shop.test:80" });
    expect([status, headers.location]).toEqual([308, "https://shop.test/a%20b?c=d"]);
    expect((await ask(address, { host: "plain.test" })).status).toBe(200);
    expect((await ask(address, { host: "other.test" })).status).toBe(404);
    await proxy.serve([{ ...internal, httpsPort: 8443 }]);
    expect((await ask(address)).headers.location).toBe("https://shop.test:8443/");
  });

  it("serves a certificate of the user's own, and the next one in its place", async () => {
    const first = await bring("first");
    await proxy.serve([internal, own]);
    expect(await seen(address, { host: "own.test", authority: first })).toMatchObject({ name: "blue" });
    const second = await bring("second");
    await expect(ask(address, { host: "own.test", authority: second })).rejects.toThrow(/certificate/);
    await proxy.serve([internal, { ...own, tls: { kind: "own", fingerprint: "2" } }]);
    expect(await seen(address, { host: "own.test", authority: second })).toMatchObject({ name: "blue" });
    await expect(ask(address, { host: "own.test", authority: first })).rejects.toThrow(/certificate/);
    // The other site has still its own one.
    expect(await seen(address, { authority: await root() })).toMatchObject({ name: "blue" });
  });

  it("serves any name by a certificate of the user's own where the site names none", async () => {
    const authority = await bring("any");
    await proxy.serve([internal, { ...own, domains: [], tls: { kind: "own", fingerprint: "3" } }]);
    expect(await seen(address, { host: "own.test", authority })).toMatchObject({ name: "blue" });
    expect(await seen(address, { host: "any.test", authority: false })).toMatchObject({ name: "blue" });
    expect(await seen(address, { authority: await root() })).toMatchObject({ name: "blue" });
    expect((await ask(address, { host: "any.test" })).headers.location).toBe("https://any.test/");
  });

  it("speaks HTTP/2, and ends no stream at a reload", async () => {
    await proxy.serve([internal]);
    const session = connect("https://shop.test", {
      host: address,
      servername: "shop.test",
      ca: await root(),
    });
    try {
      const { headers } = await stream(session, "/");
      expect(headers[":status"]).toBe(200);
      expect(session.alpnProtocol).toBe("h2");
      const slow = stream(session, "/?wait=1500");
      await new Promise((resolve) => setTimeout(resolve, 100));
      await proxy.serve([{ ...internal, upstreams: [{ name: "nobody", port: 1 }] }]);
      expect(JSON.parse((await slow).text)).toMatchObject({ name: "blue" });
    } finally {
      session.destroy();
    }
  });
});
