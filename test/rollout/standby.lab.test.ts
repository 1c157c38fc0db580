import { Agent, request } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silent } from "../../src/base/progress.ts";
import { capture } from "../../src/engine/capture.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { proxyNetwork } from "../../src/plan/naming.ts";
import { caddy } from "../../src/proxy/caddy.ts";
import type { Site } from "../../src/proxy/proxy.ts";
import { turnedFile } from "../../src/proxy/proxy.ts";
import { ProxyHost } from "../../src/rollout/proxy-host.ts";
import { liveRevision } from "../../src/rollout/proxy-revision.ts";
import { configurationOf, findProxies, readState, revisionOf } from "../../src/rollout/proxy-state.ts";
import { ReadyCommands } from "../../src/rollout/ready-commands.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { siteOf } from "../proxy/site.ts";

const { signal } = new AbortController();
const name = `standby${process.pid}-prod-proxy`;
const port = 8000;
const id = "shop-prod";
const releases = ["one", "two", "three"];
const upstreamOf = (release: string) => `${release}-${process.pid}`;

describeLab("a release that stands by, in the proxy", () => {
  let engine: Engine;
  let agent: Agent;

  beforeAll(async () => {
    const lab = await useLab();
    await ensureBaseImage("caddy");
    engine = await openEngine({ kind: "unix", name: "local", path: lab.localSocket });
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await engine.pullImage(caddy.image, undefined, silent);
    const owner = { environment: `standby${process.pid}`, stage: "prod" };
    await host().ensure({ name, driver: "caddy", ports: [], owner }, false, silent, signal);
    for (const release of releases) {
      // Each answers with its name, by what is in the proxy's own image.
      const site = { listen: [":3000"], routes: [{ handle: [{ handler: "static_response", body: release }] }] };
      const configuration = JSON.stringify({ admin: { disabled: true }, apps: { http: { servers: { site } } } });
      const script = 'printf %s "$1" >/tmp/app.json; exec caddy run --config /tmp/app.json';
      await engine.createContainer({
        ...{
          name: upstreamOf(release),
          image: caddy.image,
          entrypoint: ["sh", "-c"],
          command: [script, "app", configuration],
        },
        ...{ user: undefined, env: {}, labels: {}, stopSignal: undefined, stopGrace: 1000, restart: "no", ports: [] },
        ...{
          mounts: [],
          network: proxyNetwork,
          aliases: [upstreamOf(release)],
          healthcheck: undefined,
          memory: undefined,
          cpus: undefined,
        },
      });
      await engine.startContainer(upstreamOf(release));
    }
  });

  afterAll(async () => {
    agent.destroy();
    for (const release of releases) {
      const found = await engine.container(upstreamOf(release));
      if (found) await engine.removeContainer(found.id);
    }
    const found = await engine.container(name);
    if (found) await host().remove(found, { certificates: true }, signal);
    await engine.close();
  });

  const host = () =>
    new ProxyHost({
      ...{ engine, commands: new ReadyCommands(engine), clock: systemClock, certificate: undefined, why: "a test" },
      bringImage: async () => caddy.image,
    });
  const site = (release: string, more: Partial<Site> = {}) =>
    siteOf({ id, release, ports: [port], upstreams: [{ name: upstreamOf(release), port: 3000 }], ...more });
  const route = (wanted: Site) => host().route(name, wanted.id, wanted, signal, { standsBy: true });
  const container = async () => {
    const found = await engine.container(name);
    if (!found) throw new Error("it is gone");
    return found;
  };
  const live = async () => await liveRevision(engine, await container(), signal);
  const told = async () => await readState(engine, name);
  /** Who answers, and by which of the client's connections. */
  const ask = async () => {
    const address = (await container()).networks[proxyNetwork]?.address;
    return await new Promise<{ body: string; by: number | undefined }>((resolve, reject) => {
      const asked = request({ host: address, port, agent }, (response) => {
        const by = response.socket.localPort;
        let body = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          body += part;
        });
        response.on("end", () => resolve({ body, by }));
      });
      asked.on("error", reject);
      asked.end();
    });
  };

  it("is served again, and no more, with no new configuration and no connection closed", async () => {
    await route(site("one"));
    await route(site("two"));
    const first = await ask();
    expect(first.body).toBe("two");
    const { sites } = await told();
    for (const release of ["one", "two", "one"]) {
      await route(site(release));
      expect(await ask()).toEqual({ body: release, by: first.by });
      expect(await told()).toEqual({ sites, turned: new Set(release === "one" ? [id] : []) });
      expect(await live()).toBe(release === "one" ? `${configurationOf(sites)}+${id}` : configurationOf(sites));
    }
    // For whoever asks what is served, there is only that.
    const found = (await findProxies(engine)).find((proxy) => proxy.container.name === name);
    expect(found).toMatchObject({ sites: [JSON.parse(JSON.stringify(site("one")))], revision: await live() });
    expect(found?.sites[0]).not.toHaveProperty("standby");
  });

  it("is still served after a restart, after another site has come, and after the configuration was written anew", async () => {
    const { id: before } = await container();
    await engine.restartContainer(before, 1000);
    await expect.poll(async () => (await ask()).body).toBe("one");
    await route(siteOf({ id: "blog-prod", domains: ["blog.test"] }));
    expect((await ask()).body).toBe("one");
    await host().reload(name, id, signal);
    expect((await ask()).body).toBe("one");
    const owner = { environment: `standby${process.pid}`, stage: "prod" };
    await host().ensure({ name, driver: "caddy", ports: [], owner }, true, silent, signal);
    expect((await container()).id).not.toBe(before);
    expect((await ask()).body).toBe("one");
    expect(await live()).toBe(revisionOf(await told()));
  });

  it("gives way to the one that a new release replaces", async () => {
    await route(site("three"));
    expect((await ask()).body).toBe("three");
    const by = (await ask()).by;
    await route(site("one"));
    expect(await ask()).toEqual({ body: "one", by });
    await route(site("two"));
    await route(site("three"));
    expect((await ask()).body).toBe("three");
  });

  it("is forgotten with what else the site is changed in, and its file has no meaning for what comes then", async () => {
    const { turned } = await told();
    if (!turned.has(id)) await route(site("two"));
    expect((await told()).turned).toEqual(new Set([id]));
    await route(site("two", { responseTimeout: 5000 }));
    expect((await told()).sites.find((known) => known.id === id)).not.toHaveProperty("standby");
    const left = await capture(engine, name, ["ls", turnedFile({ id })]);
    expect(left.exitCode).toBe(0);
    expect((await ask()).body).toBe("two");
    await route(site("one", { responseTimeout: 5000 }));
    expect((await ask()).body).toBe("one");
    expect(await told()).toMatchObject({ turned: new Set() });
  });

  it("is taken over from a run that was killed once it had turned", async () => {
    await capture(engine, name, ["sh", "-c", `: >${turnedFile({ id })}`]);
    expect((await ask()).body).toBe("two");
    await route(site("one", { responseTimeout: 5000 }));
    expect((await ask()).body).toBe("one");
    expect(await live()).toBe(revisionOf(await told()));
  });
});
