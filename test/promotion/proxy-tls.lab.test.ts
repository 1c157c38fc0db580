import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createAuthority, createCertificate } from "../lab/certificates.ts";
import { run } from "../lab/command.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { ask } from "../proxy/request.ts";
import { docker, Project } from "./project.ts";

const [http, https] = [18_082, 18_445];
const proxyName = `envctl-proxy-${http}-${https}`;
const healthy = "app: { port: 8080, health: { path: /index.html, interval: 200ms, retries: 25 }, stop: { grace: 1s } }";

interface ProxyDocument {
  readonly hosts: {
    readonly proxies: {
      readonly warnings: string[];
      readonly sites: { readonly id: string; readonly tls: string; readonly certificateExpires: string | null }[];
    }[];
  }[];
}

/** Certificates of all kinds in one shared proxy, by stages of one environment each. */
describeLab("certificates of a stage's proxy", () => {
  let lab: Lab;
  let ip: string;
  let socket: string;
  let folder: string;
  let project: Project;

  const environment = (name: string, tls: string, more = "") =>
    `${healthy}\nproxy: { http_port: ${http}, https_port: ${https}, drain: 1s, tls: ${tls}${more} }\nstages: { live: { hosts: [ssh://test1], domain: ${name} } }`;
  const secure = (host: string, authority: string | false, path = "/") =>
    ask(ip, { host, port: https, authority, path });

  /** A certificate for `own.test` in the project's folder, and the authority that signed it. */
  const bring = async (name: string, days = 90): Promise<string> => {
    const authority = join(folder, name);
    await createAuthority(authority);
    const files = { key: join(project.folder, "own.key"), certificate: join(project.folder, "own.pem") };
    await createCertificate(authority, files, { name: "own.test", use: "serverAuth", days });
    return readFileSync(join(authority, "ca.pem"), "utf8");
  };

  beforeAll(async () => {
    lab = await useLab();
    ({ ip, socket } = lab.host("test1"));
    folder = mkdtempSync(join(tmpdir(), "envctl-proxy-tls-"));
    project = new Project(lab);
    await ensureBaseImage("caddy");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("of the user's own: in the proxy's container alone, and the next one by `up`", async () => {
    const first = await bring("first");
    project.environment(environment("own.test", "{ certificate: own.pem, key: own.key }"));
    const texts: string[] = [];
    const tell = async (...args: string[]) => {
      const { stdout, stderr } = await project.ok(...args);
      texts.push(stdout, stderr);
    };
    await tell("up", "live", "--verbose");
    expect((await secure("own.test", first)).status).toBe(200);

    const second = await bring("second", 10);
    for (const format of [[], ["--json"]]) await tell("up", "live", "--dry-run", ...format);
    await tell("up", "live", "--verbose", "--json");
    expect((await secure("own.test", second)).status).toBe(200);
    await expect(secure("own.test", first)).rejects.toThrow(/certificate/);
    const { hosts } = await project.json<ProxyDocument>("proxy", "status", "live");
    const [found] = hosts[0]?.proxies ?? [];
    expect(found?.sites).toEqual([
      expect.objectContaining({ tls: "own", certificateExpires: expect.stringMatching(/^20/) }),
    ]);
    expect(found?.warnings).toEqual([expect.stringMatching(/the certificate of \S+ \(own.test\) ends in \d+d/)]);

    // A key that does not belong to it is told before anything is touched.
    await bring("third");
    const { stdout: ofSecond } = await project.run("proxy", "status", "live", "--json");
    await run("openssl", ["ecparam", "-genkey", "-name", "prime256v1", "-out", join(project.folder, "own.key")]);
    const mismatch = await project.run("up", "live");
    expect([mismatch.exitCode, mismatch.stderr]).toEqual([2, expect.stringMatching(/it is not the key of/)]);
    texts.push(ofSecond, mismatch.stderr);

    for (const args of [
      ["config"],
      ["plan", "live"],
      ["status", "--json"],
      ["proxy", "logs", "live", "--all"],
      ["history"],
    ]) {
      const { stdout, stderr } = await project.run(...args);
      texts.push(stdout, stderr);
    }
    texts.push(await docker(socket, "inspect", proxyName), await docker(socket, "logs", proxyName));
    texts.push(
      await docker(socket, "top", proxyName),
      await docker(socket, "volume", "inspect", `0-${proxyName}-envctl`),
    );
    const key = await docker(socket, "exec", proxyName, "sh", "-c", "cat /envctl/certificates/*.key");
    expect(key).toMatch(/PRIVATE KEY/);
    const secret = key.split("\n")[1] ?? key;
    for (const text of texts) {
      expect(text).not.toContain("PRIVATE KEY");
      expect(text).not.toContain(secret);
    }
    expect(await docker(socket, "exec", proxyName, "sh", "-c", "stat -c %a /envctl/certificates/*.key")).toBe("600");
  });

  it("of its own authority; browsers are sent to HTTPS, and HTTP/2 is spoken", async () => {
    project.environment(environment("inside.test", "internal"));
    await project.ok("up", "live");
    const root = await docker(socket, "exec", proxyName, "cat", "/data/caddy/pki/authorities/local/root.crt");
    await expect.poll(() => secure("inside.test", root).then(({ status }) => status, String)).toBe(200);
    // The key of the domain that is gone is gone, too.
    expect(await docker(socket, "exec", proxyName, "ls", "/envctl/certificates")).toBe("");
    const plain = await ask(ip, { host: "inside.test", port: http, path: "/a?b" });
    expect([plain.status, plain.headers.location]).toEqual([308, `https://inside.test:${https}/a?b`]);
    const session = connect(`https://inside.test:${https}`, { host: ip, servername: "inside.test", ca: root });
    try {
      const status = await new Promise((resolve, reject) => {
        const request = session.request({ ":path": "/index.html", ":authority": "inside.test" });
        request.on("response", (headers) => resolve(headers[":status"]));
        request.on("error", reject);
        request.end();
      });
      expect([status, session.alpnProtocol]).toEqual([200, "h2"]);
    } finally {
      session.destroy();
    }
  });

  it("and nothing of the proxy's administration is reachable from outside its container", async () => {
    const format = '{{(index .NetworkSettings.Networks "0-envctl-proxy").IPAddress}}';
    const address = await docker(socket, "inspect", "-f", format, proxyName);
    // proc(5): of each socket its local address, and 0A where it listens. 0B00007F is the engine's own name server.
    const sockets = await docker(socket, "exec", proxyName, "cat", "/proc/net/tcp", "/proc/net/tcp6");
    const listening = [...sockets.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A /gm)];
    const outside = listening
      .filter(([, local]) => local !== "0B00007F")
      .map(([, , port = ""]) => Number.parseInt(port, 16));
    expect(outside.sort((left, right) => left - right)).toEqual([80, 443, 9101]);
    const fetched = await docker(
      socket,
      ...["run", "--rm", "--network", "0-envctl-proxy", "busybox", "sh", "-c"],
      `wget -q -O - http://${address}:9101/config/ || echo refused`,
    );
    expect(fetched).toBe("refused");
    expect(await docker(socket, "port", proxyName)).not.toMatch(/9101|2019/);
  });

  it("from an ACME server that the file names", async () => {
    const address = await docker(
      socket,
      "inspect",
      "-f",
      '{{(index .NetworkSettings.Networks "0-envctl-proxy").IPAddress}}',
      proxyName,
    );
    // Another Caddy is the authority. It asks for proof at the name, where the proxy answers.
    const server = `${project.name}-acme`;
    const acme = {
      admin: { disabled: true },
      apps: {
        http: {
          servers: {
            acme: {
              listen: [":443"],
              routes: [{ handle: [{ handler: "acme_server", host: "acme.test" }] }],
              tls_connection_policies: [{}],
              automatic_https: { disable: true },
            },
          },
        },
        tls: {
          certificates: { automate: ["acme.test"] },
          automation: { policies: [{ subjects: ["acme.test"], issuers: [{ module: "internal" }] }] },
        },
        pki: { certificate_authorities: { local: { install_trust: false } } },
      },
    };
    const label = ["--label", `envctl.environment=${project.name}`];
    await docker(
      socket,
      "run",
      "-d",
      "--name",
      server,
      ...label,
      "--network",
      "0-envctl-proxy",
      "--network-alias",
      "acme.test",
      "--add-host",
      `public.test:${address}`,
      "-e",
      `CONFIG=${JSON.stringify(acme)}`,
      "caddy:2",
      "sh",
      "-c",
      'echo "$CONFIG" > /acme.json && exec caddy run --config /acme.json',
    );
    try {
      // The user's proxy image trusts that server: here it is the official one, and the authority of the lab's own.
      const root = async () =>
        await docker(socket, "exec", server, "cat", "/data/caddy/pki/authorities/local/root.crt");
      await expect.poll(() => root().catch(() => "")).toMatch(/BEGIN CERTIFICATE/);
      await docker(
        socket,
        "exec",
        proxyName,
        "sh",
        "-c",
        `cat >> /etc/ssl/certs/ca-certificates.crt <<END\n${await root()}\nEND`,
      );
      project.environment(
        environment("public.test", "{ email: me@public.test, directory: https://acme.test/acme/local/directory }"),
      );
      await project.ok("up", "live");
      await expect
        .poll(() => secure("public.test", false).then(({ status, issuer }) => [status, issuer], String), {
          timeout: 30_000,
          interval: 250,
        })
        .toEqual([200, expect.stringMatching(/Caddy Local Authority - ECC Intermediate/)]);
      const kept = await docker(
        socket,
        "exec",
        proxyName,
        "sh",
        "-c",
        "find /data/caddy/certificates -name 'public.test.crt'",
      );
      expect(kept).toMatch(/acme\.test/);
      // A new container has it still, and asks nobody for another.
      await docker(socket, "rm", "-f", server);
      await project.ok("proxy", "reload", "live", "--recreate", "--yes");
      expect((await secure("public.test", false)).status).toBe(200);
    } finally {
      await docker(socket, "rm", "-f", server).catch(() => "");
    }
  });
});
