import { once } from "node:events";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { haproxy } from "../../src/proxy/haproxy.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { formatReport, type LoadMix, startLoad } from "../rollout/load.ts";
import { ProxyLab } from "./proxy-lab.ts";
import { ask } from "./request.ts";
import { siteOf } from "./site.ts";

let lab: Lab;
let proxy: ProxyLab;
let address: string;
/** Container of the first app. */
let blue: string;

const none: LoadMix = {
  kept: 0,
  fresh: 0,
  idle: 0,
  early: 0,
  slow: 0,
  upload: 0,
  large: 0,
  websocket: 0,
  events: 0,
  limit: 60_000,
};

/** A site of one of the two apps. */
const of = (name: "blue" | "green", drain: number) => siteOf({ upstreams: [{ name, port: 3000 }], drain });

/** Serves the two apps by turns. */
async function switchOver(times: number, drain: number, pause: number): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    await proxy.serve([of(turn % 2 ? "blue" : "green", drain)]);
    await wait(pause);
  }
}

const load = (mix: LoadMix) => startLoad({ urls: [`http://${address}`], host: "shop.test" }, { ...none, ...mix });

describeLab("a HAProxy that is switched over", () => {
  beforeAll(async () => {
    await ensureBaseImage("haproxy");
    lab = await useLab();
  });

  beforeEach(async () => {
    proxy = await ProxyLab.start(lab.localSocket, haproxy);
    address = await proxy.address();
    [blue] = await Promise.all([proxy.app("blue"), proxy.app("green")]);
  });

  afterEach(() => proxy[Symbol.asyncDispose]());

  it("fails no client of any kind, and cuts nothing off", async () => {
    await proxy.serve([of("blue", 60_000)]);
    const clients = await load({ kept: 4, fresh: 3, slow: 6, upload: 3, large: 2, websocket: 3, events: 3 });
    await clients.untilAnswered();
    await switchOver(15, 60_000, 700);
    const report = await clients.stop();
    const told = formatReport(report).join("\n");
    expect(told).toMatch(/ 0 failed, 0 retried/);
    expect(report.requests, told).toBeGreaterThan(500);
    expect(new Set(report.releases.map(({ release }) => release))).toEqual(new Set(["blue", "green"]));
  });

  it("keeps WebSockets and events through ten switches, each with the app that it was with", async () => {
    await proxy.serve([of("blue", 60_000)]);
    const clients = await load({ websocket: 3, events: 3 });
    await clients.untilAnswered();
    await switchOver(10, 60_000, 0);
    await wait(500);
    const { kinds, releases, failed } = await clients.stop();
    expect(failed).toBe(0);
    for (const kind of ["websocket", "events"] as const) {
      expect(kinds[kind]).toMatchObject({ cut: 0, closed: 0, lost: 0 });
      expect(kinds[kind].longestStall).toBeLessThan(1500);
    }
    expect(releases.map(({ release }) => release)).toEqual(["blue"]);
    // Who comes now is with the new one.
    expect((await ask(address, { path: "/who" })).text).toMatch(/^blue /);
  });

  it("ends them when the drain is over and the app has had its time to say goodbye", async () => {
    await proxy.serve([of("blue", 0)]);
    const clients = await load({ websocket: 2, events: 2 });
    await clients.untilAnswered();
    await proxy.serve([of("green", 60_000)]);
    const from = performance.now();
    await wait(2_000);
    expect((await clients.report()).failed).toBe(0);
    await expect.poll(async () => (await clients.report()).kinds.events.cut, { timeout: 8_000 }).toBe(2);
    await expect.poll(async () => (await clients.report()).kinds.websocket.cut, { timeout: 1_000 }).toBe(2);
    expect(performance.now() - from).toBeLessThan(10_000);
    await expect
      .poll(async () => (await clients.report()).releases.map(({ release }) => release))
      .toEqual(["blue", "green"]);
    await clients.stop();
    const workers = () => proxy.docker("exec", proxy.proxy, "sh", "-c", "ls -d /proc/[0-9]*/exe | wc -l");
    // The master, its one worker, and the shell that counts with its two programs.
    await expect.poll(workers, { timeout: 5_000 }).toBe("4");
  });

  it("serves a kept connection once more, and asks it to close", async () => {
    await proxy.serve([of("blue", 60_000)]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const who = async () => {
      const { text, headers } = await ask(address, { path: "/who", agent });
      return `${text.split(" ")[0]} ${headers.connection === "close" ? "and goodbye" : ""}`;
    };
    expect([await who(), await who()]).toEqual(["blue ", "blue "]);
    await proxy.serve([of("green", 60_000)]);
    expect([await who(), await who()]).toEqual(["blue and goodbye", "green "]);
    agent.destroy();
  });

  it("leads those who were silent since before the switch to the new app, once the old one is gone", async () => {
    await proxy.serve([of("blue", 60_000)]);
    const kept = Array.from({ length: 6 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    await Promise.all(kept.map((agent) => ask(address, { path: "/who", agent })));
    const early = Array.from({ length: 6 }, () => connect(80, address));
    await Promise.all(early.map((socket) => once(socket, "connect")));
    const over = (socket: Socket) => Object.assign(new Agent(), { createConnection: () => socket });
    await proxy.serve([of("green", 60_000)]);
    await proxy.docker("rm", "-f", blue);
    const uploaded = await Promise.all(
      kept.map((agent) => ask(address, { path: "/upload", method: "POST", body: "12345", agent })),
    );
    expect(uploaded.map(({ status, text }) => `${status} ${text}`)).toEqual(
      kept.map(() => expect.stringMatching(/^200 \{"bytes":5,/)),
    );
    const told = await Promise.all(early.map((socket) => ask(address, { path: "/who", agent: over(socket) })));
    expect(told.map(({ status, text }) => `${status} ${text}`)).toEqual(
      early.map(() => expect.stringMatching(/^200 green /)),
    );
    for (const agent of kept) agent.destroy();
  });

  it("lets those be silent who wait for something to happen", async () => {
    await proxy.upstream("events");
    await proxy.serve([siteOf({ upstreams: [{ name: "events", port: 3000 }], responseTimeout: 300 })]);
    const headers = { accept: "text/event-stream" };
    const { text, status } = await ask(address, { path: "/events", headers });
    expect([status, text]).toEqual([200, "data: 0\n\ndata: 1\n\ndata: 2\n\n"]);
    await proxy.serve([{ ...of("blue", 60_000), responseTimeout: 50, maxBody: 1000 }]);
    // Its clients speak every 100 ms.
    const clients = await load({ websocket: 2 });
    await clients.untilAnswered();
    await wait(1_000);
    expect((await clients.stop()).failed).toBe(0);
  });
});
