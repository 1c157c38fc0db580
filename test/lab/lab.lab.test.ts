import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "./describe-lab.ts";
import { type Lab, useLab } from "./lab.ts";
import { lowerLab } from "./lower.ts";
import { labNames } from "./names.ts";
import { recordOf } from "./processes.ts";
import { raiseLab } from "./raise.ts";
import { listens } from "./registries.ts";
import { readState } from "./state.ts";
import { changing } from "./sweep.ts";

/** A second lab beside the default one: what is cut and killed here is nobody else's. */
const names = labNames(`self-${process.pid}`);
const quiet = { tell: () => {}, borrower: recordOf(process.pid) };
let lab: Lab;

const docker = (socket: string, ...args: string[]) => execa("docker", ["-H", `unix://${socket}`, ...args]);
const shell = (host: string, ...words: string[]) =>
  execa("ssh", ["-F", lab.sshConfig, "-o", "BatchMode=yes", host, ...words], { reject: false });

async function body(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  return await response.text();
}

describeLab("the lab", () => {
  beforeAll(async () => {
    await raiseLab(names, quiet);
    lab = await useLab(names.name);
  });

  afterAll(() => changing(names, () => lowerLab(names)));

  it.each(["test1", "prod1", "prod2"])(
    "runs containers on %s, whose ports are reached at its address",
    async (name) => {
      const { ip, socket } = lab.host(name);
      const page = ["sh", "-c", `echo I am ${name} >index.html && exec httpd -f -p 80`];
      await docker(socket, "run", "-d", "--name", "page", "-p", "8080:80", "busybox", ...page);
      await expect.poll(() => body(`http://${ip}:8080/`).catch(String), { timeout: 10_000 }).toBe(`I am ${name}\n`);
      await docker(socket, "rm", "-f", "page");
    },
  );

  it("runs containers on the local engine, which reach the hosts", async () => {
    const { ip, socket } = lab.host("prod1");
    await docker(
      socket,
      "run",
      "-d",
      "--name",
      "far",
      "-p",
      "8081:80",
      "busybox",
      "httpd",
      "-f",
      "-p",
      "80",
      "-h",
      "/etc",
    );
    const fetching = ["run", "--rm", "busybox", "wget", "-qO-", `http://${ip}:8081/group`];
    expect((await docker(lab.localSocket, ...fetching)).stdout).toContain("nogroup");
    await docker(socket, "rm", "-f", "far");
  });

  it("builds an ordinary Dockerfile on the base images, and a host runs it by digest", async () => {
    const repository = `${lab.registries.open.host}/team/sample`;
    const dockerfile = 'FROM node:20-slim\nRUN npm --version >/version\nUSER node\nCMD ["node", "-p", "1 + 1"]\n';
    await execa("docker", ["-H", `unix://${lab.localSocket}`, "build", "-t", repository, "-"], { input: dockerfile });
    const { stdout } = await docker(lab.localSocket, "push", repository);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1];
    const ran = await docker(lab.host("prod2").socket, "run", "--rm", `${repository}@${digest}`);
    expect(ran.stdout).toBe("2");
  });

  it("reaches each host's own engine over SSH", async () => {
    for (const name of ["test1", "prod1", "prod2"]) {
      expect((await shell(name, "docker", "info", "--format", "{{.Name}}")).stdout).toBe(name);
    }
  });

  it("cuts a host off and heals it, the others untouched", async () => {
    const { ip } = lab.host("prod2");
    await lab.cut("prod2");
    expect(await listens(ip, 22)).toBe(false);
    expect(await listens(lab.host("prod1").ip, 22)).toBe(true);
    await lab.heal("prod2");
    await expect.poll(() => listens(ip, 22), { timeout: 10_000 }).toBe(true);
  });

  it("kills an engine and starts it again with what it had", async () => {
    const { socket } = lab.host("prod1");
    await docker(
      socket,
      "run",
      "-d",
      "--name",
      "kept",
      "--stop-timeout",
      "1",
      "--restart",
      "always",
      "busybox",
      "sleep",
      "600",
    );
    await lab.killEngine("prod1");
    await expect(docker(socket, "ps")).rejects.toThrow("Cannot connect to the Docker daemon");
    await lab.startEngine("prod1");
    await expect
      .poll(async () => (await docker(socket, "ps", "--format", "{{.Names}}")).stdout, { timeout: 20_000 })
      .toBe("kept");
    await docker(socket, "rm", "-f", "kept");
  });

  it("mends what was cut and killed, and touches nothing else, when raised again", async () => {
    const before = readState(names);
    await lab.cut("test1");
    await lab.killEngine("prod2");
    const after = await raiseLab(names, quiet);
    expect(after.hosts.prod1?.engine).toEqual(before?.hosts.prod1?.engine);
    expect(after.hosts.prod2?.engine).not.toEqual(before?.hosts.prod2?.engine);
    expect((await shell("test1", "true")).exitCode).toBe(0);
    expect((await docker(lab.host("prod2").socket, "ps")).exitCode).toBe(0);
  });

  it("has a registry behind TLS and a password", async () => {
    const { host, username, password, caFile } = lab.registries.secure;
    const ca = await readFile(caFile);
    const status = (options: object) =>
      new Promise((resolve, reject) => {
        request(`https://${host}/v2/`, options, (response) => resolve(response.resume().statusCode))
          .on("error", reject)
          .end();
      });
    await expect(status({})).rejects.toThrow("certificate");
    expect(await status({ ca })).toBe(401);
    expect(await status({ ca, auth: `${username}:wrong` })).toBe(401);
    expect(await status({ ca, auth: `${username}:${password}` })).toBe(200);
  });

  it("adds a host and removes it", async () => {
    const added = await lab.addHost("extra");
    expect((await shell("extra", "docker", "info", "--format", "{{.Name}}")).stdout).toBe("extra");
    await lab.removeHost("extra");
    expect(await listens(added.ip, 22)).toBe(false);
    expect(lab.hosts.extra).toBeUndefined();
  });

  it.each([
    ["an unknown host key", { hostKey: "unknown" }, "Host key verification failed"],
    ["a changed host key", { hostKey: "changed" }, "REMOTE HOST IDENTIFICATION HAS CHANGED"],
    ["a refused login", { login: "refused" }, "Permission denied"],
    ["no leave to use Docker", { docker: "forbidden" }, "permission denied"],
    ["no Docker", { docker: "absent" }, "docker: not found"],
    ["a stopped engine", { docker: "stopped" }, "Is the docker daemon running?"],
  ] as const)("adds a host with %s", async (_title, options, complaint) => {
    await lab.addHost("faulty", options);
    const { stderr, exitCode } = await shell("faulty", "docker", "ps");
    expect(stderr).toContain(complaint);
    expect(exitCode).not.toBe(0);
    await lab.removeHost("faulty");
  });

  it("adds a host with a full disk", async () => {
    const { socket } = await lab.addHost("full", { disk: "48m" });
    await expect(docker(socket, "pull", `${lab.registries.open.host}/library/node:20-slim`)).rejects.toThrow(
      "no space left on device",
    );
    await lab.removeHost("full");
  });

  it("adds a host whose engine asks for a client certificate", async () => {
    const { tls } = await lab.addHost("guarded", { tls: true });
    const env = { DOCKER_HOST: tls?.address, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: tls?.folder };
    expect((await execa("docker", ["info", "--format", "{{.Name}}"], { env })).stdout).toBe("guarded");
    const without = { ...env, DOCKER_TLS_VERIFY: "" };
    await expect(execa("docker", ["ps"], { env: without })).rejects.toThrow(/HTTP request to an HTTPS server|tls/i);
    await lab.removeHost("guarded");
  });
});
