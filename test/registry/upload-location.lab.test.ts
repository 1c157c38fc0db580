import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, expect, it } from "vitest";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { content, descriptor, layerType } from "./content.ts";
import { temporaryFolder } from "./registries.ts";
import { startScripted } from "./scripted-server.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

function open(host: string, home: string): Registry {
  const clock = { now: () => new Date(), wait: async () => {} };
  const registry = openRegistry(host, { credentials: async () => undefined, variables: { HOME: home }, clock });
  toStop.push(() => registry.close());
  return registry;
}

/** A registry with TLS that answers each upload with this place. */
async function startSecure(location: string): Promise<{ host: string; home: string }> {
  const home = await temporaryFolder();
  toStop.push(() => rm(home, { recursive: true, force: true }));
  await createAuthority(home);
  const files = { key: join(home, "key.pem"), certificate: join(home, "certificate.pem") };
  await createCertificate(home, files, { name: "localhost", ips: ["127.0.0.1"], use: "serverAuth" });
  const server = createServer(
    { key: await readFile(files.key), cert: await readFile(files.certificate) },
    (request, response) => {
      request.resume();
      if (request.method === "POST") response.writeHead(202, { Location: location }).end();
      else response.writeHead(404).end();
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  toStop.push(() => new Promise((resolve) => server.close(resolve)));
  toStop.push(() => server.closeAllConnections());
  const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const trusted = join(home, ".docker", "certs.d", host);
  await mkdir(trusted, { recursive: true });
  await copyFile(join(home, "ca.pem"), join(trusted, "ca.crt"));
  return { host, home };
}

// Of the lab: it needs openssl.
describeLab("the place that a registry gives for an upload", () => {
  it.each([1, 9_000_000])(
    "is refused where %i bytes would go over a connection that anybody can read",
    async (size) => {
      const listener = await startScripted((request, response) => {
        request.resume();
        response.writeHead(201).end();
      });
      toStop.push(listener.stop);
      const { host, home } = await startSecure(`http://${listener.host.replace("127.0.0.1", "localhost")}/upload`);
      const blob = content(Buffer.alloc(size));
      const sent = open(host, home).uploadBlob("app", descriptor(blob, layerType), async () =>
        Readable.from([blob.bytes]),
      );
      await expect(sent).rejects.toMatchObject({
        code: "registry-refused",
        exitCode: 5,
        message: expect.stringContaining("from https:// to http://"),
      });
      expect(listener.asked).toEqual([]);
    },
  );
});
