import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCertificate } from "../../src/rollout/certificate.ts";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { stageProxy } from "../plan/world.ts";

describe("a certificate of the user's own", () => {
  const folder = mkdtempSync(join(tmpdir(), "envctl-certificate-"));
  const file = (name: string) => join(folder, name);
  const read = (domains: string[], certificate = "shop.pem", key = "shop.key") =>
    readCertificate(stageProxy({ domains, tls: { kind: "own", certificate: file(certificate), key: file(key) } }));

  beforeAll(async () => {
    await createAuthority(folder);
    const make = (name: string, domain: string) =>
      createCertificate(
        folder,
        { key: file(`${name}.key`), certificate: file(`${name}.pem`) },
        { name: domain, use: "serverAuth" },
      );
    await make("shop", "shop.test");
    await make("wild", "*.shop.test");
    writeFileSync(file("nonsense.pem"), "private words\n");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is read with its key, and known by a fingerprint that tells neither", async () => {
    const found = await read(["shop.test"]);
    expect(found?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(found?.key).toMatch(/PRIVATE KEY/);
    expect(found?.validTo.getTime()).toBeGreaterThan(Date.now());
    expect((await read(["a.shop.test"], "wild.pem", "wild.key"))?.fingerprint).not.toBe(found?.fingerprint);
  });

  it("covers wildcards by a wildcard", async () => {
    expect(await read(["*.shop.test", "a.shop.test"], "wild.pem", "wild.key")).toBeDefined();
    await expect(read(["*.shop.test"])).rejects.toMatchObject({
      message: expect.stringMatching(/not for \*\.shop\.test, but for DNS:shop\.test/),
    });
  });

  it.each<[string, string[], string, string, RegExp]>([
    ["of another domain", ["shop.test", "other.test"], "shop.pem", "shop.key", /it is not for other\.test, but for/],
    ["with another's key", ["shop.test"], "shop.pem", "wild.key", /it is not the key of .*shop\.pem/],
    ["that is none", ["shop.test"], "nonsense.pem", "shop.key", /no PEM file/],
    ["with a key that is none", ["shop.test"], "shop.pem", "nonsense.pem", /no PEM file/],
    ["that is gone", ["shop.test"], "gone.pem", "shop.key", /ENOENT/],
  ])("refuses one %s, before anything is touched", async (_, domains, certificate, key, why) => {
    const failure = await read(domains, certificate, key).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "certificate-invalid",
      exitCode: 2,
      state: "nothing was touched",
      message: expect.stringMatching(why),
    });
    expect(JSON.stringify(failure)).not.toMatch(/private words/);
  });

  it("is not looked for where the stage has none", async () => {
    expect(await readCertificate(undefined)).toBeUndefined();
    expect(await readCertificate(stageProxy({ domains: ["shop.test"] }))).toBeUndefined();
    expect(await read([])).toBeUndefined();
  });
});
