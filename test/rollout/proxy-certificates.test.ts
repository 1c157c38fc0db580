import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import type { ContainerFile, Engine, ExecOptions } from "../../src/engine/engine.ts";
import { certificateFile, keyFile } from "../../src/proxy/proxy.ts";
import { bringCertificate } from "../../src/rollout/proxy-certificates.ts";

const { signal } = new AbortController();
const site = { id: "shop-prod" };
const next = { certificate: "next certificate", key: "next key", fingerprint: "2", validTo: new Date() };

/** An engine with one container, whose files are these. */
function engineWith(files: Map<string, string>): Engine {
  return {
    readFile: async (_: string, path: string) => {
      const content = files.get(path);
      return content === undefined ? undefined : Buffer.from(content);
    },
    writeFiles: async (_: string, some: readonly ContainerFile[]) => {
      for (const { path, content } of some) files.set(path, Buffer.from(content).toString());
    },
    exec: async (_: string, { command }: ExecOptions) => {
      expect(command.slice(0, 2)).toEqual(["rm", "-f"]);
      for (const path of command.slice(2)) files.delete(path);
      return 0;
    },
  } as unknown as Engine;
}

it("puts back the certificate that was there, where the proxy does not take the next one", async () => {
  const before: [string, string][] = [
    [certificateFile(site), "certificate"],
    [keyFile(site), "key"],
  ];
  const files = new Map(before);
  const takeBack = await bringCertificate(engineWith(files), "proxy", site, next, signal);
  expect([...files.values()]).toEqual([next.certificate, next.key]);
  await takeBack();
  expect([...files]).toEqual(before);
});

it("leaves no key of a certificate behind that the proxy does not take", async () => {
  const files = new Map<string, string>();
  const takeBack = await bringCertificate(engineWith(files), "proxy", site, next, signal);
  expect(files.size).toBe(2);
  await takeBack();
  expect(files.size).toBe(0);
});
