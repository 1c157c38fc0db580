import { randomBytes } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import { parseChallenges } from "../../src/registry/challenges.ts";
import { credentialsFor } from "../../src/registry/credentials.ts";
import { openRegistry } from "../../src/registry/open.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { run } from "../lab/command.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type RunningRegistry, startDockerRegistry, temporaryFolder } from "./registries.ts";
import { type Handler, type ScriptedServer, startScripted } from "./scripted-server.ts";

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

const robot = { username: "robot", password: "hunter2" };

function open(host: string, credentials: typeof robot | undefined, variables: Record<string, string> = {}): Registry {
  const registry = openRegistry(host, { credentials: async () => credentials, variables });
  toStop.push(() => registry.close());
  return registry;
}

async function script(handler: Handler): Promise<ScriptedServer> {
  const server = await startScripted(handler);
  toStop.push(server.stop);
  return server;
}

describeLab("tokens", () => {
  /** A registry that wants a bearer token, and the server that gives them. */
  async function withTokens(answer: object | string, status = 200) {
    const bodies: string[] = [];
    const tokens = await script(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      bodies.push(body);
      response.writeHead(status).end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
    const registry = await script((request, response) => {
      if (request.headers.authorization === "Bearer good") return void response.writeHead(404).end();
      const challenge = `Bearer realm="http://${tokens.host}/token",service="registry.test",scope="ignored"`;
      response.writeHead(401, { "WWW-Authenticate": challenge }).end("{}");
    });
    return { tokens, registry, bodies };
  }

  it("are asked for with scope, service and who we are, once", async () => {
    const { tokens, registry } = await withTokens({ token: "good", expires_in: 300 });
    const client = open(registry.host, robot);
    await client.tags("team/shop");
    await client.tags("team/shop");
    expect(await client.hasBlob("team/shop", digestOf("x"))).toBe(false);
    expect(tokens.asked).toEqual(["GET /token?service=registry.test&scope=repository%3Ateam%2Fshop%3Apull"]);
    expect(tokens.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("robot:hunter2").toString("base64")}`);
    // The first request without a token, all others with it.
    expect(registry.asked).toHaveLength(4);
  });

  it("are asked for without credentials by nobody", async () => {
    const { tokens, registry } = await withTokens({ access_token: "good" });
    await open(registry.host, undefined).tags("app");
    expect(tokens.requests[0]?.headers.authorization).toBeUndefined();
  });

  it("are asked for anew for another scope, and both repositories of a mount", async () => {
    const { tokens, registry } = await withTokens({ token: "good", expires_in: 300 });
    const client = open(registry.host, robot);
    await client.tags("one");
    await client.tags("two");
    await client.deleteManifest("one", "v1");
    await client.mountBlob("one", digestOf("x"), "two").catch(() => undefined);
    expect(tokens.asked.map((line) => new URL(line.slice(4), "http://x").searchParams.getAll("scope"))).toEqual([
      ["repository:one:pull"],
      ["repository:two:pull"],
      ["repository:one:pull,push,delete"],
      ["repository:one:pull,push", "repository:two:pull"],
    ]);
  });

  it("are asked for anew when they have expired", async () => {
    // Five seconds early: at once.
    const { tokens, registry } = await withTokens({ token: "good", expires_in: 5 });
    const client = open(registry.host, robot);
    await client.tags("app");
    await client.tags("app");
    expect(tokens.asked).toHaveLength(2);
  });

  it("are traded in by POST for an identity token", async () => {
    const { tokens, registry, bodies } = await withTokens({ access_token: "good" });
    await open(registry.host, { username: "<token>", password: "identity&secret" }).tags("app");
    expect(tokens.asked).toEqual(["POST /token"]);
    expect(Object.fromEntries(new URLSearchParams(bodies[0]))).toEqual({
      grant_type: "refresh_token",
      refresh_token: "identity&secret",
      client_id: "envctl",
      service: "registry.test",
      scope: "repository:app:pull",
    });
    expect(tokens.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([
    ["a refusal", { errors: [{ code: "DENIED", message: "no" }] }, 401],
    ["a token that does not help", { token: "bad" }, 200],
    ["a token that would break a header", { token: "good\r\nX-Injected: 1" }, 200],
    ["no token", {}, 200],
    ["garbage", "<html>", 200],
  ])("that are not given mean that we are not let in: %s", async (_name, answer, status) => {
    const { registry } = await withTokens(answer, status);
    const error = await open(registry.host, robot)
      .tags("app")
      .then(
        () => undefined,
        (thrown) => thrown,
      );
    expect(error).toMatchObject({ code: "registry-unauthorized", exitCode: 5, next: `docker login ${registry.host}` });
    expect(JSON.stringify(error) + error.message).not.toContain("hunter2");
  });

  it("are not asked for where the password could be read on its way", async () => {
    const registry = await script((_, response) => {
      response.writeHead(401, { "WWW-Authenticate": 'Bearer realm="http://token.invalid/token"' }).end();
    });
    await expect(open(registry.host, robot).tags("app")).rejects.toMatchObject({ code: "registry-unauthorized" });
  });
});

describeLab("a registry with TLS and a password", () => {
  let registry: RunningRegistry;
  let authority: string;
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await createAuthority(folder);
    authority = join(folder, "ca.pem");
    const files = { key: join(folder, "key.pem"), certificate: join(folder, "certificate.pem") };
    await createCertificate(folder, files, { name: "localhost", ips: ["127.0.0.1"], use: "serverAuth" });
    await writeFile(join(folder, "passwords"), `robot:${await bcrypt("hunter2")}\n`);
    registry = await startDockerRegistry({
      http: { tls: { certificate: files.certificate, key: files.key } },
      auth: { htpasswd: { realm: "test", path: join(folder, "passwords") } },
    });
    // Docker's own place for an authority makes a loopback address speak TLS.
    const trusted = join(folder, "home", ".docker", "certs.d", registry.host);
    await mkdir(trusted, { recursive: true });
    await writeFile(join(trusted, "ca.crt"), await run("cat", [authority]));
    const stranger = join(folder, "stranger", ".docker", "certs.d", registry.host);
    const other = join(folder, "other");
    await mkdir(stranger, { recursive: true });
    await mkdir(other);
    await createAuthority(other);
    await writeFile(join(stranger, "ca.crt"), await run("cat", [join(other, "ca.pem")]));
  });
  afterAll(async () => {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("lets us in with the right password", async () => {
    const client = open(registry.host, robot, { HOME: join(folder, "home") });
    await client.check("app");
    expect(await client.tags("app")).toEqual([]);
    expect(await client.mountBlob("app", digestOf("x"), "other")).toBe(false);
  });

  it.each([
    ["the wrong password", { username: "robot", password: "wrong-password" }],
    ["no password", undefined],
  ])("does not let us in with %s, and says how to log in", async (_name, credentials) => {
    const outcome = open(registry.host, credentials, { HOME: join(folder, "home") }).check("app");
    const error = await outcome.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toMatchObject({
      code: "registry-unauthorized",
      exitCode: 5,
      next: `docker login ${registry.host}`,
    });
    expect(error.message).not.toContain("wrong-password");
  });

  it("is not trusted by another authority, and the error says where to put the right one", async () => {
    const started = performance.now();
    await expect(open(registry.host, robot, { HOME: join(folder, "stranger") }).check("app")).rejects.toMatchObject({
      code: "registry-unreachable",
      exitCode: 5,
      next: expect.stringContaining(`certs.d/${registry.host}/ca.crt`),
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("is named as speaking TLS where it was spoken to without", async () => {
    await expect(open(registry.host, robot).check("app")).rejects.toMatchObject({
      exitCode: 5,
      next: expect.stringContaining("TLS"),
    });
  });

  it("is named as speaking plain HTTP where it does", async () => {
    const plain = await startDockerRegistry();
    toStop.push(plain.stop);
    const trusted = join(folder, "plain", ".docker", "certs.d", plain.host);
    await mkdir(trusted, { recursive: true });
    await writeFile(join(trusted, "ca.crt"), await run("cat", [authority]));
    await expect(open(plain.host, robot, { HOME: join(folder, "plain") }).check("app")).rejects.toMatchObject({
      code: "registry-unreachable",
      next: expect.stringContaining(`ENVCTL_INSECURE_REGISTRIES=${plain.host}`),
    });
  });
});

describeLab("credentials", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const programs = join(folder, "bin");
    await mkdir(programs);
    const helper = `#!/bin/sh
read key
echo "$1 $key" >> "${folder}/asked"
case "$key" in
  known.example) echo '{"ServerURL":"x","Username":"helped","Secret":"from-helper"}' ;;
  garbage.example) echo 'garbage' ;;
  https://index.docker.io/v1/) echo '{"Username":"<token>","Secret":"hub"}' ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
`;
    await writeFile(join(programs, "docker-credential-fake"), helper);
    await chmod(join(programs, "docker-credential-fake"), 0o755);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function asked(host: string, config: unknown, more: Record<string, string> = {}) {
    const place = join(folder, randomBytes(4).toString("hex"));
    await mkdir(place);
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await writeFile(join(place, "config.json"), text);
    return await credentialsFor(host, { DOCKER_CONFIG: place, PATH: `${folder}/bin:/usr/bin:/bin`, ...more });
  }

  const auth = (text: string) => ({ auth: Buffer.from(text).toString("base64") });

  it.each(["known.example:5000", "https://known.example:5000", "https://known.example:5000/"])(
    "are what docker login left under %s",
    async (key) => {
      expect(await asked("known.example:5000", { auths: { [key]: auth("me:pass:word") } })).toEqual({
        username: "me",
        password: "pass:word",
      });
    },
  );

  it("are nobody's where there is nothing", async () => {
    expect(await credentialsFor("x.example", { DOCKER_CONFIG: join(folder, "nowhere") })).toBeUndefined();
    expect(await asked("x.example", {})).toBeUndefined();
    expect(await asked("x.example", { auths: { "other.example": auth("a:b"), "x.example": {} } })).toBeUndefined();
    expect(await asked("constructor", { auths: {}, credHelpers: {} })).toBeUndefined();
  });

  it("of Docker Hub are under its old address", async () => {
    const config = { auths: { "https://index.docker.io/v1/": auth("hub:secret") } };
    expect(await asked("docker.io", config)).toEqual({ username: "hub", password: "secret" });
    for (const host of ["docker.io", "index.docker.io"])
      expect(await asked(host, { credsStore: "fake" })).toEqual({ username: "<token>", password: "hub" });
  });

  it("may be an identity token", async () => {
    const config = { auths: { "x.example": { ...auth("me:"), identitytoken: "identity" } } };
    expect(await asked("x.example", config)).toEqual({ username: "<token>", password: "identity" });
  });

  it("come from the environment for the one host that it names", async () => {
    const variables = {
      ENVCTL_REGISTRY: "ci.example",
      ENVCTL_REGISTRY_USERNAME: "ci",
      ENVCTL_REGISTRY_PASSWORD: "job-token",
    };
    expect(await asked("ci.example", { auths: { "ci.example": auth("a:b") } }, variables)).toEqual({
      username: "ci",
      password: "job-token",
    });
    expect(await asked("other.example", {}, variables)).toBeUndefined();
  });

  it("come from a helper, for one host or for all", async () => {
    const helped = { username: "helped", password: "from-helper" };
    expect(await asked("known.example", { credHelpers: { "known.example": "fake" } })).toEqual(helped);
    expect(await asked("known.example", { credsStore: "fake" })).toEqual(helped);
    expect(await asked("known.example", { credHelpers: { "other.example": "absent" } })).toBeUndefined();
  });

  it("come from the file where the helper knows none", async () => {
    const config = { credsStore: "fake", auths: { "x.example": auth("me:secret") } };
    expect(await asked("x.example", config)).toEqual({ username: "me", password: "secret" });
  });

  it("cannot come from a helper that is missing, and the error names it", async () => {
    await expect(asked("x.example", { credsStore: "absent" })).rejects.toMatchObject({
      code: "credential-helper-missing",
      exitCode: 5,
      next: expect.stringContaining("docker-credential-absent"),
    });
  });

  it.each(["../../bin/sh", "fake; touch /tmp/owned", "fake\n", "-fake", "", "$(id)"])(
    "are not asked of a helper called %j",
    async (name) => {
      const outcome = await asked("known.example", { credHelpers: { "known.example": name } }).catch(
        (error: unknown) => error,
      );
      if (name === "" && outcome === undefined) return;
      expect(outcome).toMatchObject({ code: "docker-config-invalid", exitCode: 2 });
    },
  );

  it.each([
    "{garbage",
    "[]",
    "null",
    { auths: { "x.example": auth("no-colon") } },
    { credHelpers: { "garbage.example": "fake" } },
  ])("that are malformed are an error that names the file: %j", async (config) => {
    const host = typeof config === "object" && "credHelpers" in config ? "garbage.example" : "x.example";
    await expect(asked(host, config)).rejects.toMatchObject({
      code: "docker-config-invalid",
      exitCode: 2,
      where: expect.stringContaining("config.json"),
    });
  });
});

describeLab("challenges", () => {
  it("are read as registries write them", () => {
    const header = 'Bearer realm="https://auth.example/token?a=b,c",service="registry",scope="repository:a:pull,push"';
    expect(parseChallenges(header)).toMatchObject([
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.example/token?a=b,c",
          service: "registry",
          scope: "repository:a:pull,push",
        },
      },
    ]);
    expect(parseChallenges('Negotiate, basic Realm="a \\"b\\"", BEARER realm=x')).toMatchObject([
      { scheme: "basic", parameters: { realm: 'a "b"' } },
      { scheme: "bearer", parameters: { realm: "x" } },
    ]);
  });

  it("never make the reader throw, nor take long", () => {
    const word = fc.constantFrom("Bearer", "Basic", "realm", "=", '"', "\\", ",", " ", "\t", "__proto__", "x");
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.array(word).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (header) => {
        for (const { scheme } of parseChallenges(header)) expect(["basic", "bearer"]).toContain(scheme);
      }),
      { numRuns: 2000 },
    );
    // As long as Node lets a header be.
    for (const hostile of [
      " ".repeat(16_000),
      ", ".repeat(8000),
      `Bearer a=${" ".repeat(16_000)}`,
      `Bearer ${'realm="'.repeat(2000)}`,
      `Basic ${"a".repeat(16_000)}`,
      "\\".repeat(16_000),
    ]) {
      const started = performance.now();
      parseChallenges(hostile);
      expect(performance.now() - started).toBeLessThan(200);
    }
  });
});

/** The registry takes bcrypt alone; crypt(3) makes it. */
async function bcrypt(password: string): Promise<string> {
  const salt = randomBytes(16).toString("hex").slice(0, 22);
  const program = "$/ = undefined; my ($p, $s) = split /\\n/, <STDIN>; print crypt($p, $s)";
  return await run("perl", ["-e", program], { input: `${password}\n$2b$05$${salt}\n` });
}
