import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import type { Engine, ExecOptions } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { proxyNetwork } from "../../src/plan/naming.ts";
import type { DesiredProxy } from "../../src/plan/proxies.ts";
import { caddy } from "../../src/proxy/caddy.ts";
import { certificateFile, keyFile } from "../../src/proxy/proxy.ts";
import { keepSitesIn } from "../../src/rollout/known-sites.ts";
import { ProxyHost } from "../../src/rollout/proxy-host.ts";
import { liveRevision } from "../../src/rollout/proxy-revision.ts";
import { configurationOf, nextSitesFile, readState } from "../../src/rollout/proxy-state.ts";
import { ReadyCommands } from "../../src/rollout/ready-commands.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { siteOf } from "../proxy/site.ts";

const { signal } = new AbortController();
const name = `told${process.pid}-prod-proxy`;
const proxy: DesiredProxy = {
  ...{ name, driver: "haproxy", ports: [], owner: { environment: `told${process.pid}`, stage: "prod" } },
};
const site = (release: string) => siteOf({ release, upstreams: [{ name: release, port: 3000 }] });

/** Counts how often a file is read, and lets less through of what is told than there is. */
class Watched {
  reads = 0;
  missing: number | undefined;
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = new Proxy(engine, {
      get: (target, key) => {
        if (key === "exec") return (id: string, options: ExecOptions) => this.#exec(target, id, options);
        if (key === "readFile") this.reads += 1;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  async #exec(engine: Engine, id: string, options: ExecOptions): Promise<number> {
    if (!options.stdin || this.missing === undefined) return await engine.exec(id, options);
    const whole = await buffer(options.stdin);
    return await engine.exec(id, {
      ...options,
      stdin: Readable.from([whole.subarray(0, whole.length - this.missing)]),
    });
  }
}

describeLab("a proxy on a host", () => {
  const engines: Engine[] = [];
  const hostOf = (engine: Engine) =>
    new ProxyHost({
      commands: new ReadyCommands(engine),
      ...{ engine, clock: systemClock, bringImage: async () => "haproxy:2.8", certificate: undefined, why: "a test" },
    });
  const connect = async () => {
    const lab = await useLab();
    const engine = await openEngine({ kind: "unix", name: "local", path: lab.localSocket });
    engines.push(engine);
    return engine;
  };

  beforeAll(async () => {
    await ensureBaseImage("haproxy");
    const engine = await connect();
    await engine.pullImage("haproxy:2.8", undefined, silent);
    await hostOf(engine).ensure(proxy, false, silent, signal);
  });

  afterAll(async () => {
    const [engine] = engines;
    const found = await engine?.container(name);
    if (engine && found) await hostOf(engine).remove(found, { certificates: true }, signal);
    for (const one of engines) await one.close();
  });

  const state = async (engine: Engine) => {
    const container = await engine.container(name);
    if (!container) throw new Error("it is gone");
    const { sites } = await readState(engine, container.id);
    return { sites, revision: await liveRevision(engine, container, signal) };
  };

  it("is led back by whoever gave up a change, whenever that was: the change does not come after", async () => {
    const engine = await connect();
    const host = hostOf(engine);
    const [before, after] = [site("before"), site("after")];
    for (const moment of [40, 80, 120, 160, 200, 300]) {
      await host.route(name, "shop-prod", before, signal);
      const given = new AbortController();
      setTimeout(() => given.abort(new Error("interrupted")), moment);
      await host.route(name, "shop-prod", after, given.signal).catch(() => {});
      await host.route(name, "shop-prod", before, signal);
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect([moment, await state(engine)]).toEqual([moment, { sites: [before], revision: configurationOf([before]) }]);
    }
  });

  it("is not read again for as long as it serves what it was told, and is once somebody else told it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "envctl-sites-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const ours = new Watched(await connect());
    keepSitesIn(ours.engine, folder);
    await hostOf(ours.engine).route(name, "shop-prod", site("one"), signal);
    const first = ours.reads;
    await hostOf(ours.engine).route(name, "shop-prod", site("two"), signal);
    expect([first, ours.reads]).toEqual([1, 1]);
    // Nor by another command on this machine, unless what was kept is damaged.
    const next = new Watched(await connect());
    keepSitesIn(next.engine, folder);
    await hostOf(next.engine).route(name, "shop-prod", site("between"), signal);
    expect(next.reads).toBe(0);
    for (const text of ["", "[]", '[{"id":"shop-prod"}]']) {
      for (const file of readdirSync(folder)) writeFileSync(join(folder, file), text);
      await hostOf(next.engine).route(name, "shop-prod", site(`after${text.length}`), signal);
    }
    expect(next.reads).toBe(3);
    rmSync(folder, { recursive: true });
    const other = { ...siteOf({ id: "shop-test", domains: ["other.test"] }) };
    const others = await connect();
    await hostOf(others).route(name, other.id, other, signal);
    await hostOf(ours.engine).route(name, "shop-prod", site("three"), signal);
    expect(ours.reads).toBe(2);
    const { sites, revision } = await state(others);
    expect(sites).toEqual(JSON.parse(JSON.stringify([site("three"), other])));
    expect(revision).toBe(configurationOf([site("three"), other]));
  });

  it("makes nothing live of what it was told only in part", async () => {
    const ours = new Watched(await connect());
    const before = await state(ours.engine);
    // A few bytes of the configuration are missing, all of it, and a part of the sites.
    for (const missing of [10, 3000, 1_000_000]) {
      ours.missing = missing;
      await expect(hostOf(ours.engine).route(name, "shop-prod", site("four"), signal)).rejects.toThrow(
        /could not be written whole/,
      );
      for (const file of [nextSitesFile, caddy.nextFile])
        expect(await ours.engine.readFile(name, file, signal)).toBeUndefined();
    }
    expect(await state(ours.engine)).toEqual(before);
    ours.missing = undefined;
    await hostOf(ours.engine).route(name, "shop-prod", site("four"), signal);
    expect((await state(ours.engine)).sites).not.toEqual(before.sites);
  });

  it("has no file of a certificate that the proxy did not take", async () => {
    const engine = await connect();
    const certificate = { certificate: "none", key: "none", fingerprint: "2", validTo: new Date() };
    const host = new ProxyHost({
      commands: new ReadyCommands(engine),
      ...{ engine, clock: systemClock, bringImage: undefined, certificate, why: "a test" },
    });
    const secured = { ...site("secured"), tls: { kind: "own", fingerprint: "2" } } as const;
    const refused = host.route(name, secured.id, secured, signal);
    await expect(refused).rejects.toMatchObject({ code: "proxy-refused" });
    for (const file of [certificateFile(secured), keyFile(secured)]) {
      expect(await engine.readFile(name, file)).toBeUndefined();
    }
  });

  it("starts although somebody took the network away with what was the last proxy", async () => {
    const engine = await connect();
    const found = await engine.container(name);
    if (found) await hostOf(engine).remove(found, { certificates: true }, signal);
    let taken = 0;
    const robbed = new Proxy(engine, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== "startContainer") return typeof value === "function" ? value.bind(target) : value;
        return async (id: string) => {
          if (taken === 0) await target.removeNetwork(proxyNetwork);
          taken += 1;
          await target.startContainer(id);
        };
      },
    });
    await hostOf(robbed).ensure(proxy, false, silent, signal);
    expect([taken, (await engine.container(name))?.state]).toEqual([2, "running"]);
    expect((await state(engine)).sites).toEqual([]);
  });
});
