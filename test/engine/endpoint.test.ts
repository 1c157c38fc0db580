import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HostAddress, parseHostAddress } from "../../src/base/host.ts";
import { resolveEndpoint } from "../../src/engine/docker/endpoint.ts";

const local: HostAddress = { kind: "local", name: "local" };
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "endpoint-"));
  await writeContext("rootless", "unix:///run/user/1000/docker.sock");
  await writeContext("far", "ssh://deploy@far.example.com:2222");
  await writeContext("secure", "tcp://10.0.0.1:2376", ["ca", "cert", "key"]);
  await writeContext("odd", "ftp://x");
});

afterAll(() => rm(home, { recursive: true, force: true }));

async function writeContext(name: string, host: string, files: readonly string[] = []): Promise<void> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(home, ".docker/contexts/meta", id);
  await mkdir(meta, { recursive: true });
  await writeFile(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  const tls = join(home, ".docker/contexts/tls", id, "docker");
  await mkdir(tls, { recursive: true });
  for (const file of files) await writeFile(join(tls, `${file}.pem`), "");
}

describe("`local`", () => {
  test("is DOCKER_HOST before any context", async () => {
    const variables = { HOME: home, DOCKER_HOST: "unix:///tmp/x.sock", DOCKER_CONTEXT: "far" };
    expect(await resolveEndpoint(local, variables)).toEqual({ kind: "unix", path: "/tmp/x.sock" });
  });

  test("is DOCKER_HOST over ssh and tcp, with Docker's ports", async () => {
    const at = (DOCKER_HOST: string, more = {}) => resolveEndpoint(local, { HOME: home, DOCKER_HOST, ...more });
    expect(await at("ssh://deploy@a")).toEqual({ kind: "ssh", host: "a", user: "deploy", port: undefined });
    expect(await at("tcp://a:1234")).toEqual({ kind: "tcp", host: "a", port: 1234, tls: undefined });
    expect(await at("tcp://a")).toMatchObject({ port: 2375, tls: undefined });
    const id = createHash("sha256").update("secure").digest("hex");
    const DOCKER_CERT_PATH = join(home, ".docker/contexts/tls", id, "docker");
    expect(await at("tcp://a", { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH })).toMatchObject({
      port: 2376,
      tls: { ca: join(DOCKER_CERT_PATH, "ca.pem"), key: join(DOCKER_CERT_PATH, "key.pem") },
    });
    expect(await at("tcp://a", { DOCKER_TLS_VERIFY: "", DOCKER_CERT_PATH })).toMatchObject({ tls: undefined });
  });

  test("is DOCKER_CONTEXT before the current context", async () => {
    await writeFile(join(home, ".docker/config.json"), JSON.stringify({ currentContext: "rootless" }));
    expect(await resolveEndpoint(local, { HOME: home, DOCKER_CONTEXT: "far" })).toMatchObject({
      kind: "ssh",
      host: "far.example.com",
      port: 2222,
    });
    expect(await resolveEndpoint(local, { HOME: home })).toEqual({
      kind: "unix",
      path: "/run/user/1000/docker.sock",
    });
  });

  test("finds a rootless engine's socket", async () => {
    await writeFile(join(home, ".docker/config.json"), "{}");
    await writeFile(join(home, "docker.sock"), "");
    const endpoint = await resolveEndpoint(local, { HOME: home, XDG_RUNTIME_DIR: home });
    expect(endpoint.kind === "unix" && ["/var/run/docker.sock", join(home, "docker.sock")]).toContain(
      endpoint.kind === "unix" ? endpoint.path : "",
    );
  });

  test("explains a configuration it cannot read, and an address that is none", async () => {
    await writeFile(join(home, ".docker/config.json"), "{ nonsense");
    await expect(resolveEndpoint(local, { HOME: home })).rejects.toMatchObject({ code: "docker-config-invalid" });
    await expect(resolveEndpoint(local, { DOCKER_HOST: "ssh://-oProxyCommand=x" })).rejects.toMatchObject({
      code: "host-address-invalid",
      where: "DOCKER_HOST",
    });
    await writeFile(join(home, ".docker/config.json"), "{}");
  });
});

describe("a context", () => {
  const context = (name: string): HostAddress => ({ kind: "context", name: `context://${name}`, context: name });

  test("brings its TLS files", async () => {
    expect(await resolveEndpoint(context("secure"), { HOME: home })).toMatchObject({
      kind: "tcp",
      host: "10.0.0.1",
      tls: { cert: expect.stringMatching(/tls\/[0-9a-f]{64}\/docker\/cert\.pem$/) },
    });
  });

  test("that is not there, or points nowhere, is named", async () => {
    await expect(resolveEndpoint(context("none"), { HOME: home })).rejects.toMatchObject({
      code: "docker-context-missing",
      next: "docker context ls",
    });
    await expect(resolveEndpoint(context("odd"), { HOME: home })).rejects.toMatchObject({
      code: "host-address-invalid",
      where: "Docker context odd",
    });
  });
});

test("an address of the environment file needs no look-up", async () => {
  const address = parseHostAddress("ssh://deploy@[fd00::1]:22");
  expect(address && (await resolveEndpoint(address, { DOCKER_HOST: "unix:///x" }))).toEqual({
    kind: "ssh",
    host: "fd00::1",
    user: "deploy",
    port: 22,
  });
});
