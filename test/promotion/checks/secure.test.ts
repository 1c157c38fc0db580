import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { timeLimit } from "../../../src/base/time-limit.ts";
import type { ProxyTls } from "../../../src/environment/model.ts";
import { secure } from "../../../src/promotion/checks/secure.ts";
import { createAuthority, createCertificate } from "../../lab/certificates.ts";

const own: ProxyTls = { kind: "own", certificate: "", key: "" };

describe("a check by TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "envctl-secure-"));
  const servers: Server[] = [];

  async function serve(name: string, days: number): Promise<number> {
    const files = { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.pem`) };
    await createCertificate(folder, files, { name: "shop.test", use: "serverAuth", days });
    const server = createServer({ key: readFileSync(files.key), cert: readFileSync(files.certificate) }, (socket) =>
      socket.on("error", () => {}).end("hello"),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  const ask = async (port: number, domain: string, tls: ProxyTls) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    try {
      (await secure(socket, domain, tls, timeLimit(5000))).destroy();
      return "trusted";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    } finally {
      socket.destroy();
    }
  };

  let good: number;
  let old: number;
  beforeAll(async () => {
    await createAuthority(folder);
    [good, old] = [await serve("good", 30), await serve("old", -1)];
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  it("takes the certificate of an authority that only some clients know", async () => {
    expect(await ask(good, "shop.test", own)).toBe("trusted");
    expect(await ask(good, "shop.test", { kind: "internal" })).toBe("trusted");
    expect(await ask(good, "shop.test", { kind: "auto", email: undefined, directory: "https://acme.test" })).toBe(
      "trusted",
    );
  });

  it("refuses what clients would be warned of", async () => {
    expect(await ask(good, "blog.test", own)).toMatch(/^its certificate is not for blog\.test/);
    expect(await ask(old, "shop.test", own)).toMatch(/^its certificate ended on /);
    expect(await ask(good, "shop.test", { kind: "auto", email: undefined, directory: undefined })).toMatch(
      /^no client trusts its certificate/,
    );
  });
});
