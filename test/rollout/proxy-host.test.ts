import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { type ContainerFile, type ContainerSpec, type Engine, Label, type Labels } from "../../src/engine/engine.ts";
import { proxyNetwork } from "../../src/plan/naming.ts";
import { haproxy } from "../../src/proxy/haproxy.ts";
import { certificateFile, keyFile } from "../../src/proxy/proxy.ts";
import { ProxyHost } from "../../src/rollout/proxy-host.ts";
import { sitesFile } from "../../src/rollout/proxy-state.ts";
import type { ReadyCommands } from "../../src/rollout/ready-commands.ts";
import { siteOf } from "../proxy/site.ts";

const { signal } = new AbortController();

/** An engine with one stopped HAProxy, on whose volume are these files; nothing can be run in it. */
function engineWith(files: Map<string, string>): Engine {
  const volumes = new Map<string, Labels>();
  return {
    name: "web1",
    container: async () => ({
      id: "1",
      name: "envctl-proxy",
      state: "exited",
      labels: { [Label.proxyDriver]: "haproxy" },
    }),
    readFile: async (_: string, path: string) => {
      const content = files.get(path);
      return content === undefined ? undefined : Buffer.from(content);
    },
    readFiles: async () => undefined,
    writeFiles: async (_: string, some: readonly ContainerFile[]) => {
      for (const { path, content } of some) files.set(path, Buffer.from(content).toString());
    },
    now: async () => new Date(),
    volumes: async () => [...volumes].map(([name, labels]) => ({ name, labels, createdAt: new Date() })),
    ensureVolume: async (name: string, labels: Labels) => void volumes.set(name, labels),
    removeVolume: async (name: string) => void volumes.delete(name),
  } as unknown as Engine;
}

it("a stopped proxy that forgets a site keeps nothing of its key, and the certificates of others", async () => {
  const tls = { kind: "own", fingerprint: "1" } as const;
  const [gone, other] = [siteOf({ tls }), siteOf({ id: "blog-live", domains: ["blog.test"], tls })] as const;
  const files = new Map([[sitesFile, JSON.stringify([gone, other])]]);
  for (const site of [gone, other]) files.set(certificateFile(site), "a certificate").set(keyFile(site), "a key");
  const host = new ProxyHost({
    ...{ engine: engineWith(files), commands: {} as ReadyCommands, clock: systemClock, why: "a test" },
    ...{ bringImage: undefined, certificate: undefined },
  });
  await host.forget("envctl-proxy", gone.id, signal);
  expect([files.get(certificateFile(gone)), files.get(keyFile(gone))]).toEqual(["", ""]);
  expect([files.get(certificateFile(other)), files.get(keyFile(other))]).toEqual(["a certificate", "a key"]);
  expect(JSON.parse(files.get(sitesFile) ?? "")).toEqual([other]);
  expect(files.get(haproxy.file)).not.toContain(certificateFile(gone));
});

it("a proxy that another one has replaced comes back with its ports, its program and its image", async () => {
  const files = new Map([[sitesFile, JSON.stringify([siteOf({})])]]);
  const made: unknown[] = [];
  const engine = {
    ...engineWith(files),
    ...{ ensureNetwork: async () => {}, networks: async () => [], dial: async () => undefined },
    ...{ startContainer: async () => {}, stopContainer: async () => {}, removeContainer: async () => {} },
    container: async () => ({
      ...{ id: "1", name: "shop-test-proxy", state: "running", stopGrace: 0, restartCount: 0 },
      labels: { [Label.role]: "proxy", [Label.proxyDriver]: "caddy" },
      networks: { [proxyNetwork]: { address: "192.0.2.1", aliases: [] } },
    }),
    createContainer: async ({ name, image, ports, labels }: ContainerSpec) => {
      made.push({ name, image, ports, driver: labels[Label.proxyDriver] });
      return "2";
    },
  } as unknown as Engine;
  const host = new ProxyHost({
    ...{ engine, commands: {} as ReadyCommands, clock: systemClock, why: "a test" },
    ...{ bringImage: undefined, certificate: undefined },
  });
  const port = (hostPort: number) => ({ address: undefined, hostPort, containerPort: 8000, protocol: "tcp" as const });
  const proxy = { name: "shop-test-proxy", driver: "caddy", ports: [port(1)], owner: undefined } as const;
  await host.bringBack(proxy, { driver: "haproxy", image: "haproxy@sha256:1", ports: [port(2)] }, signal);
  expect(made).toEqual([{ name: proxy.name, image: "haproxy@sha256:1", ports: [port(2)], driver: "haproxy" }]);
  expect(files.get(haproxy.file)).toContain("shop.test");
});
