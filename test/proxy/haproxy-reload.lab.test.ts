import { readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { haproxy } from "../../src/proxy/haproxy.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { startLoad } from "./load.ts";
import { activateAlone, ProxyLab } from "./proxy-lab.ts";
import { ask, seen } from "./request.ts";
import { siteOf } from "./site.ts";

let lab: Lab;
let proxy: ProxyLab;
let address: string;

const blue = siteOf();
const green = siteOf({ upstreams: [{ name: "green", port: 3000 }] });

describeLab("a HAProxy that takes a new configuration", () => {
  beforeAll(async () => {
    await ensureBaseImage("haproxy");
    lab = await useLab();
  });

  beforeEach(async () => {
    proxy = await ProxyLab.start(lab.localSocket, haproxy);
    address = await proxy.address();
    await Promise.all([proxy.upstream("blue"), proxy.upstream("green")]);
    await proxy.serve([blue]);
  });

  afterEach(() => proxy[Symbol.asyncDispose]());

  it("loses no request, kept alive or new, quick or slow", async () => {
    const load = startLoad(address);
    const served = new Set<string>();
    for (let reload = 0; reload < 20; reload += 1) {
      await proxy.serve([reload % 2 ? blue : green]);
      served.add(`${reload % 2} ${(await seen(address)).name}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const { answered, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(500);
    expect([...served].sort()).toEqual(["0 green", "1 blue"]);
  });

  it("lets requests and events go on that were under way", async () => {
    const slow = seen(address, { path: "/?wait=1500", method: "POST" });
    const events = ask(address, { path: "/events" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await proxy.serve([green]);
    expect((await seen(address)).name).toBe("green");
    expect((await slow).name).toBe("blue");
    expect((await events).text).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });

  it("hands over a connection that the app switches to another protocol", async () => {
    const socket = connect(80, address);
    const key = Buffer.alloc(16).toString("base64");
    const handshake = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`;
    socket.write(`GET / HTTP/1.1\r\nHost: shop.test\r\n${handshake}\r\n`);
    let text = "";
    socket.on("data", (data) => {
      text += data.toString();
    });
    await expect.poll(() => text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n(?:.+\r\n)+\r\n$/);
    socket.write("hello over there");
    await expect.poll(() => text).toMatch(/hello over there$/);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end();
    await closed;
    await expect
      .poll(async () => (await proxy.lines()).map(haproxy.readAccess).filter((access) => access?.status === 101))
      .toMatchObject([{ site: "shop-prod", upstream: "blue" }]);
  });

  it("keeps the old one where the new one is no good", async () => {
    const before = await readFile(proxy.path(haproxy.file), "utf8");
    const wrong = [
      ["nonsense\n", /unknown keyword 'nonsense'/],
      [`${before}listen\n`, /listen/],
      [before.replace("bind :80", "bind :99999"), /99999/],
      [before.replaceAll("weight 1", "weight 999"), /weight/],
    ] as const;
    for (const [configuration, why] of wrong) {
      await expect(proxy.activate(configuration)).rejects.toThrow(why);
      expect(await seen(address)).toMatchObject({ name: "blue" });
    }
    const bare = { ...green, tls: { kind: "own", fingerprint: "a" } } as const;
    await expect(proxy.serve([bare])).rejects.toThrow(/shop-prod\.crt/);
    expect(await seen(address)).toMatchObject({ name: "blue" });
    // One that fails only as it is started: the address is nobody's here.
    const foreign = haproxy.render([green], "foreign").replace("bind :80", "bind 192.0.2.1:80");
    await expect(proxy.activate(foreign)).rejects.toThrow(/did not start a worker/);
    expect(await seen(address)).toMatchObject({ name: "blue" });
    await rm(proxy.path(haproxy.nextFile), { force: true });
    await expect(proxy.docker("exec", proxy.proxy, ...activateAlone(haproxy))).rejects.toThrow(/next\.cfg/);
    expect(await readFile(proxy.path(haproxy.file), "utf8")).toBe(before);
    await proxy.serve([green]);
    expect(await seen(address)).toMatchObject({ name: "green" });
  });

  it("starts again with what it served", async () => {
    await proxy.serve([green]);
    await writeFile(proxy.path(haproxy.nextFile), "not what was asked for");
    await proxy.docker("restart", proxy.proxy);
    await proxy.untilLive("2");
    expect(await seen(await proxy.address())).toMatchObject({ name: "green" });
    await proxy.docker("kill", proxy.proxy);
    await proxy.docker("start", proxy.proxy);
    await proxy.untilLive("2");
    await proxy.serve([blue]);
    expect(await seen(await proxy.address())).toMatchObject({ name: "blue" });
  });

  it("follows an app that comes back with another address", async () => {
    const app = await proxy.upstream("moving");
    await proxy.serve([siteOf({ upstreams: [{ name: "moving", port: 3000 }] })]);
    expect(await seen(address)).toMatchObject({ name: "moving" });
    const old = await proxy.address(app);
    await proxy.docker("stop", app);
    const thief = await proxy.upstream("thief", "--ip", old);
    expect(await proxy.address(thief)).toBe(old);
    await proxy.docker("start", app);
    expect(await proxy.address(app)).not.toBe(old);
    await expect.poll(() => seen(address).catch(String), { timeout: 10_000 }).toMatchObject({ name: "moving" });
  });

  it("is ruled from nowhere but its own container", async () => {
    await proxy.serve([blue, siteOf({ id: "b", domains: [], ports: [8080] })]);
    const neighbour = await proxy.upstream("neighbour");
    const sockets = await proxy.docker("exec", proxy.proxy, "cat", "/proc/net/tcp", "/proc/net/tcp6");
    const listening = sockets.split("\n").flatMap((line) => {
      const [, local = "", , state] = line.trim().split(/\s+/);
      const [ip = "", port = ""] = local.split(":");
      // Docker's own resolver is on 127.0.0.11.
      return state === "0A" && ip !== "0B00007F" ? [Number.parseInt(port, 16)] : [];
    });
    expect(listening.sort((a, b) => a - b)).toEqual([80, 8080, 9101]);
    const beside = (url: string) => {
      const script = `fetch("${url}").then(async (answer) => console.log(await answer.text()))`;
      return proxy.docker("exec", neighbour, "node", "-e", script);
    };
    expect(await beside("http://proxy:9101/revision")).toBe("2");
    for (const path of ["/", "/stats", "/haproxy?stats", "/revision/", "/Revision", "/revision/../stats"]) {
      expect((await ask(address, { port: 9101, path })).status).toBe(404);
    }
    expect((await ask(address, { port: 9101, path: "/revision", method: "POST" })).status).toBe(404);
  });
});
