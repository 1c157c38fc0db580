import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { startApp, stopApps } from "./app-process.ts";
import { expectedContent } from "./load/content.ts";
import { loadKinds } from "./load/model.ts";
import { formatReport, type LoadMix, startLoad } from "./load.ts";

/** No client but those a test asks for. */
const none: LoadMix = { kept: 0, fresh: 0, idle: 0, early: 0, slow: 0, upload: 0, large: 0, websocket: 0, events: 0 };
const quick: LoadMix = { idle: 0, early: 0, slow: 0, upload: 0 };

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  await stopApps();
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the load generator", () => {
  it("sees no fault in a server that has none, while the test's own thread is busy", async () => {
    const { url } = await startApp("one");
    const load = await startLoad({ urls: [url] });
    await load.untilAnswered();
    for (const begun = performance.now(); performance.now() - begun < 1500; );
    const report = await load.stop();
    expect(formatReport(report).join("\n")).toMatch(/requests in .* 0 failed, 0 retried/);
    for (const kind of loadKinds) {
      const { requests, longestStall, longestLatency, ...found } = report.kinds[kind];
      expect(requests, kind).toBeGreaterThan(0);
      expect(longestStall ?? 0, kind).toBeLessThan(1200);
      expect(longestLatency, kind).toBeGreaterThan(kind === "slow" ? 2990 : 0);
      expect(found, kind).toMatchObject({ failed: 0, truncated: 0, cut: 0, closed: 0, lost: 0, errors: [] });
      expect(Object.keys(found.statuses), kind).toEqual(kind === "websocket" ? [] : ["200"]);
    }
    expect(report.releases.map(({ release }) => release)).toEqual(["one"]);
  });

  it("reports what a killed server breaks: answers, connections, echoes, and the silence after", async () => {
    const app = await startApp("one");
    const load = await startLoad({ urls: [app.url] });
    await load.untilAnswered();
    await wait(1000);
    app.kill("SIGKILL");
    // Clients that rest between their requests come to notice it, on a busy machine, too.
    await wait(2500);
    const { kinds, failed } = await load.stop();
    for (const kind of loadKinds) expect(kinds[kind].failed, kind).toBeGreaterThan(0);
    expect(failed).toBe(loadKinds.reduce((sum, kind) => sum + kinds[kind].failed, 0));
    // Half of the slow answers had begun, and broke off.
    expect(kinds.slow.truncated).toBe(2);
    expect([kinds.websocket.cut, kinds.events.cut]).toEqual([3, 3]);
    expect([kinds.websocket.closed, kinds.events.closed]).toEqual([0, 0]);
    for (const kind of ["kept", "fresh", "websocket", "events"] as const)
      expect(kinds[kind].longestStall, kind).toBeGreaterThan(900);
    const { errors } = kinds.fresh;
    expect(errors.at(-1)).toMatchObject({ kind: "fresh", url: app.url, code: "ECONNREFUSED" });
    expect(errors.every(({ at }) => at > 1000)).toBe(true);
    expect(kinds.kept.errors.length).toBeLessThanOrEqual(20);
  });

  it("tells a server that says goodbye from one that cuts, and names the releases in their order", async () => {
    const first = await startApp("one");
    const load = await startLoad({ urls: [first.url] }, quick);
    await load.untilAnswered();
    first.kill("SIGTERM");
    expect(await first.exit).toBe(0);
    await startApp("two", {}, first.port);
    await wait(700);
    const { kinds, releases } = await load.stop();
    expect([kinds.websocket.cut, kinds.websocket.closed, kinds.websocket.lost]).toEqual([0, 3, 0]);
    expect([kinds.events.cut, kinds.events.closed, kinds.events.lost]).toEqual([0, 3, 0]);
    expect(kinds.large.truncated).toBe(0);
    expect(releases.map(({ release }) => release)).toEqual(["one", "two"]);
    expect(releases[0]!.last).toBeLessThan(releases[1]!.first);
    expect(kinds.kept.errors.every(({ code }) => /^(ECONNREFUSED|ECONNRESET)$/.test(code))).toBe(true);
  });

  it.each(["cut", "short"])("finds content that is %s", async (lie) => {
    const { url } = await startApp("one", { TRUNCATE: lie });
    const load = await startLoad({ urls: [url] }, { ...none, large: 1 });
    await wait(1000);
    const { large } = (await load.stop()).kinds;
    expect(large.requests).toBeGreaterThan(0);
    expect([large.truncated, large.failed]).toEqual([large.requests, large.requests]);
  });

  it("measures how long a server stood still, and does not call that a failure", async () => {
    const app = await startApp("one");
    const load = await startLoad({ urls: [app.url] }, quick);
    await load.untilAnswered();
    app.kill("SIGSTOP");
    await wait(2500);
    app.kill("SIGCONT");
    await wait(500);
    const { kinds, failed } = await load.stop();
    expect(failed).toBe(0);
    for (const kind of ["kept", "fresh", "websocket", "events"] as const) {
      // A busy machine takes some of it: what was answered before is seen later, and the first question comes later.
      expect(kinds[kind].longestStall, kind).toBeGreaterThan(1500);
      expect(kinds[kind].longestLatency, kind).toBeGreaterThan(1500);
    }
  });

  it("counts bad statuses, also when only some are bad", async () => {
    const { url } = await startApp("one", { ERROR_RATE: "0.5" });
    const load = await startLoad({ urls: [url] }, { ...none, kept: 4 });
    await wait(1000);
    const { kept } = (await load.stop()).kinds;
    expect(kept.statuses["200"]).toBeGreaterThan(0);
    expect(kept.failed).toBe(kept.statuses["500"]);
    expect(kept.errors[0]?.code).toBe("HTTP 500");
  });

  it("gives up on a server that does not answer", async () => {
    const app = await startApp("one");
    const load = await startLoad({ urls: [app.url] }, { ...none, fresh: 1, websocket: 1, events: 1, timeout: 400 });
    await load.untilAnswered();
    app.kill("SIGSTOP");
    await wait(1000);
    const { kinds } = await load.stop();
    for (const kind of ["fresh", "websocket", "events"] as const)
      expect(kinds[kind].errors[0]?.code, kind).toBe("TIMEOUT");
  });

  it("asks once more where a kept connection was closed under the request, and counts it", async () => {
    const served = new WeakSet<object>();
    const body = Buffer.concat([Buffer.from("release one\n"), expectedContent(4096)]);
    const url = await listen(
      createServer((request, response) => {
        if (served.has(request.socket)) request.socket.destroy();
        served.add(request.socket);
        if (!request.socket.destroyed) response.end(body);
      }),
    );
    const load = await startLoad({ urls: [url] }, { ...none, kept: 2, fresh: 1 });
    await wait(800);
    const { kinds, failed } = await load.stop();
    expect(failed).toBe(0);
    expect(kinds.kept.retried).toBeGreaterThan(2);
    expect(kinds.fresh.retried).toBe(0);
  });

  it("misses events that were left out, and echoes that are not those that were sent", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      for (const id of [1, 2, 5]) response.write(`id: ${id}\ndata: one\n\n`);
    });
    server.on("upgrade", (request, socket) => {
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash("sha1").update(key).digest("base64");
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`);
      socket.write(`Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.on("data", () => socket.write(Buffer.from([0x81, 2, 0x68, 0x69]))).on("error", () => {});
    });
    const load = await startLoad({ urls: [await listen(server)] }, { ...none, websocket: 1, events: 1, timeout: 600 });
    await wait(500);
    const { kinds } = await load.stop();
    expect([kinds.events.lost, kinds.events.failed]).toEqual([2, 2]);
    expect(kinds.websocket.errors[0]?.code).toBe("UNASKED");
    expect(kinds.websocket.lost).toBeGreaterThan(0);
  });

  it.each(["http://example.com", "http://192.0.2.1", "http://10.250.0.1"])("refuses %s", async (url) => {
    await expect(startLoad({ urls: [url] })).rejects.toThrow(/this machine and the lab's hosts alone/);
  });
});

describe("the app", () => {
  it("says why it does not start, and exits with the code that it is told", async () => {
    await expect(startApp("bad", { EXIT_CODE: "3" })).rejects.toThrow("exit 3: release bad cannot start");
  });

  it("behaves as its image has it, unless the environment says otherwise", async () => {
    const health = async (behaviour: Record<string, string>) =>
      (await fetch(`${(await startApp("one", behaviour)).url}/healthz`)).status;
    expect(await health({ BEHAVIOUR: "FAIL_HEALTH=1&ERROR_RATE=0.1" })).toBe(500);
    expect(await health({})).toBe(200);
  });

  it("finishes what it began when it is told to stop, unless it does not listen", async () => {
    const app = await startApp("one");
    const slow = fetch(`${app.url}/slow?ms=700`);
    await wait(200);
    app.kill("SIGTERM");
    const outcome = () => fetch(`${app.url}/`, { headers: { Connection: "close" } }).then(String, () => "refused");
    await expect.poll(outcome, { interval: 10, timeout: 600 }).toBe("refused");
    expect((await (await slow).text()).length).toBe(1024);
    expect(await app.exit).toBe(0);
    const deaf = await startApp("one", { IGNORE_TERM: "1" });
    deaf.kill("SIGTERM");
    await wait(200);
    expect((await fetch(`${deaf.url}/who`)).status).toBe(200);
  });
});
