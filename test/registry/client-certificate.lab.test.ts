import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { openRegistry } from "../../src/registry/open.ts";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { temporaryFolder } from "./registries.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

// Of the lab: it needs openssl.
describeLab("a client certificate", () => {
  it("is shown to the registry, and not to where it redirects", async () => {
    const directory = await temporaryFolder();
    toStop.push(() => rm(directory, { recursive: true, force: true }));
    await createAuthority(directory);
    const pair = (name: string) => ({
      key: join(directory, `${name}.key`),
      certificate: join(directory, `${name}.pem`),
    });
    await createCertificate(directory, pair("server"), { name: "localhost", ips: ["127.0.0.1"], use: "serverAuth" });
    await createCertificate(directory, pair("client"), { name: "robot", use: "clientAuth" });
    const read = (file: string) => readFile(file, "utf8");
    const tls = {
      key: await read(pair("server").key),
      cert: await read(pair("server").certificate),
      ca: await read(join(directory, "ca.pem")),
      requestCert: true,
      rejectUnauthorized: false,
    };
    const shown: Record<string, unknown> = {};
    const listening = async (name: string, location?: string) => {
      const server = createServer(tls, (request, response) => {
        shown[name] = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
        response.writeHead(location === undefined ? 200 : 307, location === undefined ? {} : { Location: location });
        response.end(location === undefined ? "content" : undefined);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      toStop.push(() => new Promise((resolve) => server.close(resolve)));
      toStop.push(() => server.closeAllConnections());
      return `127.0.0.1:${(server.address() as { port: number }).port}`;
    };
    const storage = await listening("storage");
    const host = await listening("registry", `https://${storage}/object`);
    const trusted = join(directory, ".docker", "certs.d", host);
    await mkdir(trusted, { recursive: true });
    await rename(pair("client").key, join(trusted, "client.key"));
    await rename(pair("client").certificate, join(trusted, "client.cert"));
    await writeFile(join(trusted, "ca.crt"), tls.ca);
    const registry = openRegistry(host, { credentials: async () => undefined, variables: { HOME: directory } });
    toStop.push(() => registry.close());
    expect(Buffer.from(await registry.readBlob("app", digestOf("content"))).toString()).toBe("content");
    expect(shown).toEqual({ registry: "robot", storage: undefined });
  });
});
