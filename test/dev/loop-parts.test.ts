import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LocalEntry, Tree } from "../../src/build/tree.ts";
import { workloadNames } from "../../src/cli/choose.ts";
import { LogLines } from "../../src/cli/dev/log-lines.ts";
import { whyNotPromoted } from "../../src/cli/dev/promotable.ts";
import { statusLine } from "../../src/cli/dev/status-line.ts";
import { choosePaint } from "../../src/cli/view/paint.ts";
import { displayWidth } from "../../src/cli/view/width.ts";
import { BuildKeys } from "../../src/dev/build-key.ts";
import type { DevStatus } from "../../src/dev/dev-event.ts";
import { EditStatistics } from "../../src/dev/edit-times.ts";
import { PendingEdits } from "../../src/dev/pending-edits.ts";
import { PortForwards } from "../../src/dev/port-forwards.ts";
import { ReloadEndpoint } from "../../src/dev/reload-endpoint.ts";
import { catches, listensOn } from "../../src/dev/restart-app.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { service, stage, workload } from "../plan/world.ts";
import { rulesOf } from "./rules.ts";

const plain = choosePaint({ variables: { NO_COLOR: "1" }, isTerminal: false, noColor: true });

describe("the key of a build", () => {
  const file = (hash: string): LocalEntry => ({ kind: "file", mode: 0o644, hash, size: 1 });
  const tree = (files: Record<string, string>): Tree =>
    new Map(Object.entries(files).map(([path, hash]) => [path, file(hash)]));
  const rules = rulesOf(
    'FROM node:20\nWORKDIR /app\nCOPY package.json ./\nRUN npm ci\nCOPY src ./src\nCMD ["node", "src/a.js"]\n',
  );

  const buildKey = (files: Tree, inputs: readonly string[], syncs = true) =>
    new BuildKeys(rules, syncs).of(files, inputs);

  it("changes with what the build reads, and not with what is synced", () => {
    const key = buildKey(tree({ "package.json": "1", "src/a.js": "1" }), []);
    expect(buildKey(tree({ "src/a.js": "2", "package.json": "1" }), [])).toBe(key);
    expect(buildKey(tree({ "package.json": "2", "src/a.js": "1" }), [])).not.toBe(key);
    expect(buildKey(tree({ "package.json": "1", "src/a.js": "1" }), ["FROM other"])).not.toBe(key);
  });

  it("changes with every file of the image where nothing can be synced", () => {
    const key = (hash: string) => buildKey(tree({ "package.json": "1", "src/a.js": hash }), [], false);
    expect(key("2")).not.toBe(key("1"));
  });
});

describe("a process and its stop signal", () => {
  it("is read from the kernel's mask of handlers", () => {
    expect(catches("Name:\tnode\nSigCgt:\t0000000108004602\n", 15)).toBe(true);
    expect(catches("SigCgt:\t0000000000000000\n", 15)).toBe(false);
    expect(catches("SigCgt:\t0000000000004000\n", 15)).toBe(true);
    expect(catches("SigCgt:\t0000000000002000\n", 15)).toBe(false);
    expect(catches("no such line", 15)).toBeUndefined();
  });

  it("is not heeded by one that listens on", () => {
    const line = (local: string, state: string) =>
      `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000\n`;
    const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";
    expect(listensOn(`${head}${line("00000000:1F90", "0A")}`, 8080)).toBe(true);
    expect(listensOn(`${head}${line("00000000000000000000000000000000:1F90", "0A")}`, 8080)).toBe(true);
    expect(listensOn(`${head}${line("0100007F:1F90", "01")}`, 8080)).toBe(false);
    expect(listensOn(`${head}${line("00000000:1F91", "0A")}`, 8080)).toBe(false);
    expect(listensOn(`${head}${line("00000000:0050", "0A")}`, 80)).toBe(true);
  });
});

describe("times of edits", () => {
  it("give the value that nineteen of twenty did not exceed", () => {
    const statistics = new EditStatistics();
    expect(statistics.p95).toBeUndefined();
    for (let time = 20; time > 0; time -= 1) statistics.add(time);
    expect(statistics.p95).toBe(19);
  });

  it("count from the first of the edits that arrive together", () => {
    const edits = new PendingEdits();
    const edit = (version: number) => ({ version, detectedAt: version, readAt: version, heldByGit: 0 });
    for (const version of [1, 2, 3]) edits.add(edit(version));
    expect(edits.settle(2)).toEqual(edit(1));
    expect(edits.settle(2)).toBeUndefined();
    expect(edits.settle(9)).toEqual(edit(3));
  });
});

describe("the status line", () => {
  const status: DevStatus = {
    stage: "dev",
    release: "3f2c1ab",
    different: 3,
    activity: "idle",
    health: "healthy",
    lastSync: { at: new Date(2026, 1, 3, 9, 5, 7), milliseconds: 41 },
    p95: 60,
    url: "http://localhost:8080/",
    failed: false,
  };

  it("says what runs, since when, and how it is", () => {
    expect(statusLine(status, undefined, 200, plain)).toBe(
      "dev + 3 changed files · on 3f2c1ab · healthy · last sync 09:05:07 41ms · p95 60ms · http://localhost:8080/ · ? help",
    );
    expect(statusLine({ ...status, different: 0 }, undefined, 20, plain)).toBe("dev 3f2c1ab · healt…");
    expect(statusLine({ ...status, activity: "building" }, "build shop 4a", 60, plain)).toContain("build shop 4a");
  });

  it("never is wider than the terminal, and always says what runs", () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 200 }), fc.string(), (columns, doing) => {
        const line = statusLine({ ...status, activity: "building" }, doing, columns, plain);
        expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        expect(line.startsWith("dev")).toBe(true);
        expect(line).not.toMatch(/\n/);
      }),
    );
  });
});

describe("what runs", () => {
  const runs: DevStatus = {
    ...{ stage: "dev", release: "3f2c1ab", different: 0, activity: "idle", health: "healthy", failed: false },
    ...{ lastSync: undefined, p95: undefined, url: undefined },
  };

  it("is promoted where it is a release, and the one that a person was asked about", () => {
    expect(whyNotPromoted(runs)).toBeUndefined();
    expect(whyNotPromoted(runs, "3f2c1ab")).toBeUndefined();
    expect(whyNotPromoted({ ...runs, different: 2 })).toContain("2 files were changed on top of 3f2c1ab");
    expect(whyNotPromoted({ ...runs, activity: "building" }, "3f2c1ab")).toContain("not a release yet");
    expect(whyNotPromoted({ ...runs, release: "93d2ae6" }, "3f2c1ab")).toBe("not promoted: dev runs 93d2ae6 by now");
  });
});

describe("output of containers", () => {
  it("is that of the app, of each worker, and of each service", () => {
    const { app, workers, services } = stage({
      workers: [{ ...workload({ name: "mail" }), place: "all" }],
      services: [service("db")],
    });
    expect(workloadNames({ workers, services })).toEqual([app.name, "mail", "db"]);
  });

  it("is shown of all, of one, of none", () => {
    const logs = new LogLines(plain, { workloads: ["app", "db"], severalHosts: false, timestamps: true });
    const event = { type: "log", host: "local", container: "c", stream: "stdout", text: "hello" } as const;
    const shown = () =>
      ["app", "db"].map((workload) =>
        logs.line({ ...event, workload, timestamp: "2026-02-03T09:05:07.123456789Z" })?.trim(),
      );
    expect(shown()).toEqual(["2026-02-03T09:05:07.123 app │ hello", "2026-02-03T09:05:07.123 db  │ hello"]);
    expect(logs.next()).toContain("app");
    expect(shown()[1]).toBeUndefined();
    logs.next();
    expect(shown()[0]).toBeUndefined();
    expect(logs.next()).toBe("no output is shown");
    expect(shown()).toEqual([undefined, undefined]);
  });
});

describe("the endpoint for browsers", () => {
  it("tells each listener of a change, and any page may listen", async () => {
    const endpoint = await ReloadEndpoint.open(0);
    const aborted = new AbortController();
    const response = await fetch(`http://127.0.0.1:${endpoint.port}/events`, { signal: aborted.signal });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.getReader();
    let seen = "";
    const until = async (what: string) => {
      while (!seen.includes(what)) seen += Buffer.from((await reader?.read())?.value ?? new Uint8Array()).toString();
    };
    await until("retry: 1000\n\n");
    endpoint.tell(["a.html"], "3f2c1ab");
    await until('event: reload\ndata: {"files":["a.html"],"release":"3f2c1ab"}\n\n');
    const help = await (await fetch(`http://127.0.0.1:${endpoint.port}/`)).text();
    expect(help).toContain("EventSource");
    aborted.abort();
    await endpoint.close();
  });

  it("says which port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    await expect(ReloadEndpoint.open(port)).rejects.toMatchObject({ code: "port-taken", exitCode: 2 });
    other.close();
  });
});

describe("ports of a host", () => {
  it("lead there from this machine; one that is taken is told with what to do", async () => {
    const remote = createTcpServer((socket) => socket.end("from the host")).listen(0, "127.0.0.1");
    const taken = createTcpServer().listen(0, "127.0.0.1");
    await Promise.all([remote, taken].map((server) => new Promise((resolve) => server.once("listening", resolve))));
    const remotePort = (remote.address() as AddressInfo).port;
    const takenPort = (taken.address() as AddressInfo).port;
    const free = createTcpServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => free.once("listening", resolve));
    const freePort = (free.address() as AddressInfo).port;
    await new Promise((resolve) => free.close(resolve));
    const dialled: unknown[] = [];
    const engine = {
      dial: async (address: string, port: number) => {
        dialled.push([address, port]);
        return connect(remotePort, "127.0.0.1");
      },
    } as unknown as Engine;
    const forwards = new PortForwards(engine);
    const binding = (hostPort: number) =>
      ({ address: undefined, hostPort, containerPort: 1, protocol: "tcp" }) as const;
    const result = await forwards.set([binding(freePort), binding(takenPort)]);
    expect(result).toEqual([
      { port: freePort, problem: undefined },
      { port: takenPort, problem: expect.stringContaining("another program on this machine has it") },
    ]);
    const socket = connect(freePort, "127.0.0.1");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect([text, dialled]).toEqual(["from the host", [["127.0.0.1", freePort]]]);
    await forwards.close();
    remote.close();
    taken.close();
  });
});
