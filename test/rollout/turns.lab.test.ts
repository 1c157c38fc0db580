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
import { turnFolder } from "../../src/proxy/turn.ts";
import { ProxyHost } from "../../src/rollout/proxy-host.ts";
import { liveRevision } from "../../src/rollout/proxy-revision.ts";
import { configurationOf, findProxies, readState, revisionOf } from "../../src/rollout/proxy-state.ts";
import { ReadyCommands } from "../../src/rollout/ready-commands.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker } from "../promotion/project.ts";
import { siteOf } from "../proxy/site.ts";

const { signal } = new AbortController();
const name = `turns${process.pid}-prod-proxy`;
const port = 8000;
const id = "shop-prod";
const releases = ["one", "two", "three"];
const upstreamOf = (release: string) => `${release}-${process.pid}`;

describeLab("a site of a proxy that turns to another release", () => {
  let lab: Lab;
  let engine: Engine;
  let agent: Agent;

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("caddy");
    engine = await openEngine({ kind: "unix", name: "local", path: lab.localSocket });
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await engine.pullImage(caddy.image, undefined, silent);
    const owner = { environment: `turns${process.pid}`, stage: "prod" };
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
  const route = (wanted: Site) => host().route(name, wanted.id, wanted, signal);
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

  const turned = (release: string) => new Map([[id, { release, base: upstreamOf(release) }]]);
  const toldOf = async () => (await told()).sites.find((known) => known.id === id);
  const files = async () => {
    const { stdout } = await capture(engine, name, ["sh", "-c", "cd /envctl/turned && ls -d */*"]);
    return stdout.trim().split("\n");
  };

  it("does so with no new configuration and no connection closed, whichever release it is", async () => {
    await route(site("one"));
    const first = await ask();
    expect(first.body).toBe("one");
    const { sites } = await told();
    for (const release of ["two", "three", "one", "two"]) {
      await route(site(release));
      expect(await ask()).toEqual({ body: release, by: first.by });
      expect(await told()).toEqual({ sites, turned: turned(release) });
      expect(await live()).toBe(`${configurationOf(sites)}+${id}/${release}~${upstreamOf(release)}`);
    }
    expect(await files()).toEqual([`${id}.1/two~${upstreamOf("two")}`]);
    // For whoever asks what is served, there is only that.
    const found = (await findProxies(engine)).find((proxy) => proxy.container.name === name);
    expect(found).toMatchObject({ sites: [JSON.parse(JSON.stringify(site("two")))], revision: await live() });
    expect(found?.sites[0]).not.toHaveProperty("turns");
  });

  it("serves it after a restart, after another site has come, and after the configuration was written anew", async () => {
    const { id: before } = await container();
    await engine.restartContainer(before, 1000);
    await expect.poll(async () => (await ask()).body).toBe("two");
    await route(siteOf({ id: "blog-prod", domains: ["blog.test"] }));
    expect((await ask()).body).toBe("two");
    await host().reload(name, id, signal);
    expect((await ask()).body).toBe("two");
    const owner = { environment: `turns${process.pid}`, stage: "prod" };
    await host().ensure({ name, driver: "caddy", ports: [], owner }, true, silent, signal);
    expect((await container()).id).not.toBe(before);
    expect((await ask()).body).toBe("two");
    expect(await live()).toBe(revisionOf(await told()));
  });

  it("is given a configuration of its own with what else is changed, and what it was turned to has no meaning for that", async () => {
    await route(site("three", { responseTimeout: 5000 }));
    expect(await toldOf()).toMatchObject({ release: "three", turns: 2 });
    expect((await ask()).body).toBe("three");
    expect((await told()).turned).toEqual(new Map());
    await route(site("one", { responseTimeout: 5000 }));
    expect((await ask()).body).toBe("one");
    await route(site("one"));
    expect((await ask()).body).toBe("one");
    expect(await toldOf()).toMatchObject({ release: "one", turns: 3 });
    // Of folders that meant something, the last but one is left to those that still are served by it.
    expect(await files()).toEqual([`${id}.2/one~${upstreamOf("one")}`]);
  });

  it("leads to as many replicas, one after the other", async () => {
    const pair = (first: string, second: string) =>
      site("pair", { upstreams: [first, second].map((upstream) => ({ name: upstream, port: 3000 })) });
    await route(pair(upstreamOf("one"), upstreamOf("two")));
    for (const [index, release] of ["two", "three"].entries()) {
      await engine.disconnectNetwork(proxyNetwork, upstreamOf(release), signal);
      await docker(
        lab.localSocket,
        "network",
        "connect",
        "--alias",
        `${process.pid}-${index + 1}`,
        proxyNetwork,
        upstreamOf(release),
      );
    }
    const before = await toldOf();
    await route(pair(`${process.pid}-1`, `${process.pid}-2`));
    expect(await toldOf()).toEqual(before);
    const answers = [await ask(), await ask(), await ask(), await ask()].map(({ body }) => body);
    expect(answers.toSorted()).toEqual(["three", "three", "two", "two"]);
  });

  it("is taken over from a run that was killed in the midst of it", async () => {
    await route(site("one"));
    const known = await toldOf();
    const folder = turnFolder(known ?? { id });
    // The first by name is served.
    await capture(engine, name, [
      "sh",
      "-c",
      `mkdir -p ${folder} && : >${folder}/two~${upstreamOf("two")} && : >${folder}/one~${upstreamOf("one")}`,
    ]);
    expect((await ask()).body).toBe("one");
    expect(await live()).toBe(revisionOf(await told()));
    await route(site("two"));
    expect((await ask()).body).toBe("two");
    expect((await told()).turned).toEqual(turned("two"));
  });

  it("never leads to nothing, however often it turns", async () => {
    const script = `cd ${turnFolder((await toldOf()) ?? { id })} && for i in $(seq 300); do for r in one two; do : >$r~$r-${process.pid}; for o in *; do [ "$o" = "$r~$r-${process.pid}" ] || rm -f "$o"; done; done; done`;
    let done = false;
    const turning = capture(engine, name, ["sh", "-c", script]).finally(() => {
      done = true;
    });
    const seen = new Map<string, number>();
    while (!done)
      for (const { body } of await Promise.all(Array.from({ length: 8 }, ask)))
        seen.set(body, (seen.get(body) ?? 0) + 1);
    expect((await turning).exitCode).toBe(0);
    expect([...seen.keys()].sort()).toEqual(["one", "two"]);
  });
});
