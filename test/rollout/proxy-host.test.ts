import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { type ContainerFile, type Engine, Label, type Labels } from "../../src/engine/engine.ts";
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
