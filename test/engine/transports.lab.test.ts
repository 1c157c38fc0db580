import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { Readable, Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parseHostAddress } from "../../src/base/host.ts";
import { Progress, silent } from "../../src/base/progress.ts";
import { DockerEngine } from "../../src/engine/docker/docker-engine.ts";
import { SshTransport } from "../../src/engine/docker/transport/ssh.ts";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";

const labels = { "envctl.test": "transports" };
const busybox = "docker.io/library/busybox:latest";
let lab: Lab;
const opened: Engine[] = [];

function open(
  address: string,
  variables: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Engine> {
  const parsed = parseHostAddress(address);
  if (!parsed) throw new Error(`no address: ${address}`);
  const opening = openEngine(parsed, { variables: { ...lab.env, ...variables }, ...(signal ? { signal } : {}) });
  return opening.then((engine) => {
    opened.push(engine);
    return engine;
  });
}

function spec(command: readonly string[]): ContainerSpec {
  return {
    name: "transports-test",
    image: busybox,
    command,
    entrypoint: undefined,
    user: undefined,
    env: {},
    labels,
    ports: [],
    mounts: [],
    network: "bridge",
    aliases: [],
    stopSignal: undefined,
    stopGrace: 0,
    memory: undefined,
    cpus: undefined,
    healthcheck: undefined,
    restart: "no",
  };
}

/** By its own registry: behind a mirror the engine would hide a failure by trying the hub as well. */
function largeImage(): string {
  return `${lab.registries.open.host}/library/node:20-slim`;
}

/** Command lines of all processes that contain a text, read from the kernel's list. */
function sshProcesses(marker: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // Gone in the meantime.
      }
    })
    .filter((line) => line.includes(marker));
}

/** The folder of the sockets that a program's ssh processes share. */
function controlFolder(parent: number | undefined): string {
  const folder = execFileSync("ps", ["-eo", "ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.trim().startsWith(`${parent} `))
    .map((line) => /ControlPath=(\S+)\/\d+ /.exec(line)?.[1])
    .find((path) => path !== undefined);
  if (folder === undefined) throw new Error("no ssh process shares a connection");
  return folder;
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 100 && !condition(); attempt += 1) await new Promise((wait) => setTimeout(wait, 50));
  expect(condition()).toBe(true);
}

async function container(engine: Engine, command: readonly string[]): Promise<string> {
  for (const { id } of await engine.containers(labels)) await engine.removeContainer(id);
  await engine.pullImage(busybox, undefined, silent);
  const id = await engine.createContainer(spec(command));
  await engine.startContainer(id);
  return id;
}

async function execText(
  engine: Engine,
  id: string,
  command: readonly string[],
  input: string,
): Promise<[number, string]> {
  let text = "";
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const options = {
    env: {},
    user: undefined,
    terminal: undefined,
    stdin: Readable.from([input]),
    stdout,
    stderr: stdout,
  };
  return [await engine.exec(id, { command, ...options }), text];
}

describeLab("an engine", () => {
  beforeAll(async () => {
    lab = await useLab();
  });

  afterEach(async () => {
    for (const engine of opened.splice(0)) await engine.close();
  });

  describe("over SSH", () => {
    test("does what one on a Unix socket does, on one connection to the host", async () => {
      const engine = await open("ssh://test1");
      expect(await engine.publishedAddress()).toBe(lab.host("test1").ip);
      expect((await engine.describe()).product).toBe("docker");
      const id = await container(engine, ["sh", "-c", "echo ready > /tmp/x; httpd -f -p 80 -h /tmp"]);
      const stop = new AbortController();
      const events = await engine.events(labels, stop.signal);
      expect(await execText(engine, id, ["sh", "-c", "cat; exit 4"], "input")).toEqual([4, "input"]);
      const address = (await engine.container(id))?.networks.bridge?.address ?? "";
      const socket = await engine.dial(address, 80);
      socket?.write("GET /x HTTP/1.0\r\n\r\n");
      let answer = "";
      for await (const chunk of socket ?? []) answer += String(chunk);
      expect(answer).toMatch(/ready\n$/);
      await expect(engine.dial(address, 81)).rejects.toMatchObject({ code: "dial-failed", where: "ssh://test1" });
      await engine.stopContainer(id, 0);
      for await (const event of events) if (event.action === "die") stop.abort();
      await engine.removeContainer(id);
      // One shared connection; the others are its channels.
      const own = sshProcesses(controlFolder(process.pid)).filter((line) => line.includes("ControlMaster=auto"));
      expect(own).toHaveLength(1);
    });

    test("leads the host to a server on our loopback, until closed", async () => {
      const server = createServer((_request, response) => response.end("from here"));
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const port = (server.address() as AddressInfo).port;
      try {
        const engine = await open("ssh://test1");
        expect(await engine.forwardToLoopback(port)).toBe(port);
        expect(await engine.forwardToLoopback(port)).toBe(port);
        const second = await open("ssh://test1");
        const other = await second.forwardToLoopback(port);
        expect(other).not.toBe(port); // Taken by the first: the host chose another.
        const socket = await engine.dial("127.0.0.1", other ?? 0);
        socket?.write("GET / HTTP/1.0\r\n\r\n");
        let text = "";
        for await (const chunk of socket ?? []) text += String(chunk);
        expect(text).toMatch(/from here$/);
        await second.close();
        await expect(engine.dial("127.0.0.1", other ?? 0)).rejects.toMatchObject({ code: "dial-failed" });
      } finally {
        server.close();
      }
    });

    test("leaves neither process nor file when closed, streams open or not", async () => {
      const engine = await open("ssh://test1");
      const folder = controlFolder(process.pid);
      const stop = new AbortController();
      const events = await engine.events(labels, stop.signal);
      const listening = (async () => {
        for await (const _event of events);
      })();
      await engine.dial(lab.host("test1").ip, 22);
      expect(sshProcesses(folder).length).toBeGreaterThanOrEqual(4);
      const failed = expect(listening).rejects.toMatchObject({ exitCode: 5 });
      await engine.close();
      await failed;
      expect(existsSync(folder)).toBe(false);
      expect(sshProcesses(folder)).toEqual([]);
      stop.abort();
    });

    test("shares one folder and one guard with other hosts, until the last one is closed", async () => {
      const [first, second] = await Promise.all([open("ssh://test1"), open("ssh://prod1")]);
      const folder = controlFolder(process.pid);
      const guards = () => sshProcesses(folder).filter((line) => line.includes("envctl-ssh-guard"));
      expect(guards()).toHaveLength(1);
      for (const socket of ["1", "2"]) expect(existsSync(join(folder, socket))).toBe(true);
      await first.close();
      const listening = new AbortController();
      const events = await second.events(labels, listening.signal); // Needs a further channel of its connection.
      listening.abort();
      for await (const _event of events);
      expect(guards()).toHaveLength(1);
      await second.close();
      expect(existsSync(folder)).toBe(false);
      expect(sshProcesses(folder)).toEqual([]);
      await open("ssh://test1");
      expect(controlFolder(process.pid)).not.toBe(folder);
    });

    test("leaves neither process nor file when its parent is killed", async () => {
      const child = runElsewhere("ssh://test1");
      await new Promise<void>((ready) => child.stdout?.once("data", () => ready()));
      const folder = controlFolder(child.pid);
      expect(sshProcesses(folder).length).toBeGreaterThanOrEqual(3);
      child.kill("SIGKILL");
      await eventually(() => sshProcesses(folder).length === 0);
      await eventually(() => !existsSync(folder));
    });

    test("survives Ctrl-C also where ssh may ask something at the terminal", async () => {
      const child = runElsewhere("ssh://test1", true);
      await new Promise<void>((ready) => child.stdout?.once("data", () => ready()));
      const folder = controlFolder(child.pid);
      const before = sshProcesses(folder);
      expect(before.length).toBeGreaterThanOrEqual(3);
      process.kill(-(child.pid ?? Number.NaN), "SIGINT");
      await new Promise<void>((heard) => child.stdout?.once("data", () => heard()));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(sshProcesses(folder)).toEqual(before);
      child.kill("SIGKILL");
      await eventually(() => !existsSync(folder));
    });

    test("survives Ctrl-C at the terminal until it is closed", async () => {
      const engine = await open("ssh://test1");
      const groups = execFileSync("ps", ["-eo", "ppid=,pid=,pgid=,args="], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line.trim().startsWith(`${process.pid} `) && line.includes("dial-stdio"))
        .map((line) => line.trim().split(/\s+/));
      expect(groups.length).toBeGreaterThan(0);
      for (const [, pid, group] of groups) expect(group).toBe(pid);
      expect(await engine.containers(labels)).toEqual([]);
    });

    test("works where connections cannot be shared", async () => {
      const target = { host: "test1", user: undefined, port: undefined, configFile: lab.sshConfig, interactive: false };
      const engine = await DockerEngine.open("ssh://test1", await SshTransport.open(target, "ssh://test1", false));
      opened.push(engine);
      const server = createServer((_request, response) => response.end("from here"));
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      try {
        expect(await engine.containers(labels)).toEqual([]);
        const port = await engine.forwardToLoopback((server.address() as AddressInfo).port);
        const socket = await engine.dial("127.0.0.1", port ?? 0);
        socket?.write("GET / HTTP/1.0\r\n\r\n");
        let text = "";
        for await (const chunk of socket ?? []) text += String(chunk);
        expect(text).toMatch(/from here$/);
      } finally {
        server.close();
      }
      await engine.close();
      const own = execFileSync("ps", ["-eo", "ppid=,args="], { encoding: "utf8" }).split("\n");
      expect(own.filter((line) => line.trim().startsWith(`${process.pid} ssh `))).toEqual([]);
    });

    test("fails with its own error also where connections cannot be shared", async () => {
      const target = { host: "127.0.0.1", user: undefined, port: 1, configFile: undefined, interactive: false };
      const transport = await SshTransport.open(target, "ssh://127.0.0.1:1", false);
      await expect(DockerEngine.open("ssh://127.0.0.1:1", transport)).rejects.toMatchObject({ code: "host-refused" });
    });

    test("makes more connections where the host allows no more sessions in one", async () => {
      const engine = await open("ssh://test1");
      const listening = Array.from({ length: 12 }, () => new AbortController());
      // sshd allows ten sessions a connection (MaxSessions): the others get a connection of their own.
      const streams = await Promise.all(listening.map(({ signal }) => engine.events(labels, signal)));
      expect(streams).toHaveLength(12);
      for (const stop of listening) stop.abort();
      for (const stream of streams) for await (const _event of stream);
    });
  });

  describe("out of reach", () => {
    afterAll(async () => {
      for (const name of ["odd"]) if (lab.hosts[name]) await lab.removeHost(name);
    });

    test.each([
      ["host-key-unknown", { hostKey: "unknown" }, /ssh .*odd/],
      ["host-key-changed", { hostKey: "changed" }, /ssh-keygen (-f \S+ )?-R \S+$/],
      ["ssh-permission-denied", { login: "refused" }, /ssh-copy-id/],
      ["docker-missing", { docker: "absent" }, /install Docker/],
      ["docker-permission-denied", { docker: "forbidden" }, /usermod -aG docker/],
      ["docker-not-running", { docker: "stopped" }, /systemctl start docker/],
    ] as const)("says %s", async (code, options, next) => {
      await lab.addHost("odd", options);
      await expect(open("ssh://odd")).rejects.toMatchObject({
        code,
        exitCode: 5,
        where: "ssh://odd",
        next: expect.stringMatching(next),
      });
    });

    test("says that a name cannot be resolved, and that a port refuses", async () => {
      await expect(open("ssh://no-such-host.invalid")).rejects.toMatchObject({ code: "host-not-found", exitCode: 5 });
      await expect(open("ssh://127.0.0.1:1")).rejects.toMatchObject({ code: "host-refused", exitCode: 5 });
      await expect(open("tcp://127.0.0.1:1")).rejects.toMatchObject({ code: "host-refused", exitCode: 5 });
      await expect(open("unix:///no/such.sock")).rejects.toMatchObject({ code: "docker-not-running", exitCode: 5 });
    });

    test("says within seconds that a host is cut off, and stops at once when asked", async () => {
      await lab.addHost("odd", { tls: true });
      await lab.cut("odd");
      const began = Date.now();
      const results = await Promise.allSettled([open("ssh://odd"), open(lab.host("odd").tls?.address ?? "")]);
      for (const result of results) expect(result).toMatchObject({ reason: { code: "host-timeout", exitCode: 5 } });
      expect(Date.now() - began).toBeLessThan(15_000);
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Error("enough")), 200);
      const late = Date.now();
      await expect(open("ssh://odd", {}, stop.signal)).rejects.toThrow("enough");
      expect(Date.now() - late).toBeLessThan(3000);
      await lab.heal("odd");
      await open("ssh://odd");
    });

    test("says so when the engine dies in the middle, and works again when it is back", async () => {
      await lab.addHost("odd", {});
      const engine = await open("ssh://odd");
      const id = await container(engine, ["sleep", "1000"]);
      const waiting = expect(engine.waitForExit(id)).rejects.toMatchObject({ exitCode: 5, where: "ssh://odd" });
      const stop = new AbortController();
      const events = await engine.events(labels, stop.signal);
      const listening = expect(
        (async () => {
          for await (const _event of events);
        })(),
      ).rejects.toMatchObject({ exitCode: 5, where: "ssh://odd" });
      await lab.killEngine("odd");
      await Promise.all([waiting, listening]);
      await expect(engine.containers(labels)).rejects.toMatchObject({ exitCode: 5, where: "ssh://odd" });
      await lab.startEngine("odd");
      expect(await engine.containers(labels)).toHaveLength(1);
    });

    test("says so when the engine dies during a pull", async () => {
      await lab.addHost("odd", {});
      for (const address of ["ssh://odd", `unix://${lab.host("odd").socket}`]) {
        await lab.startEngine("odd");
        const engine = await open(address);
        let begun = () => {};
        const underWay = new Promise<void>((resolve) => {
          begun = resolve;
        });
        const pulling = engine.pullImage(largeImage(), undefined, new Progress(() => begun(), 1));
        const failed = expect(pulling).rejects.toMatchObject({ code: "host-unreachable", exitCode: 5, where: address });
        await underWay;
        await lab.killEngine("odd");
        await failed;
      }
    });

    test("says that a disk is full", async () => {
      await lab.addHost("odd", { disk: "64m" });
      const engine = await open("ssh://odd");
      await expect(engine.pullImage(largeImage(), undefined, silent)).rejects.toMatchObject({
        code: "disk-full",
        where: "ssh://odd",
      });
    });
  });

  describe("over TCP", () => {
    afterAll(async () => {
      if (lab.hosts.safe) await lab.removeHost("safe");
    });

    test("is spoken to with TLS and certificates for both sides", async () => {
      const { tls, ip } = await lab.addHost("safe", { tls: true });
      const engine = await open(tls?.address ?? "", { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: tls?.folder ?? "" });
      expect(await engine.publishedAddress()).toBe(ip);
      expect((await engine.describe()).warnings).toBeUndefined();
      const id = await container(engine, ["sleep", "1000"]);
      expect(await execText(engine, id, ["sh", "-c", "cat; exit 4"], "input")).toEqual([4, "input"]);
      expect(await engine.dial(ip, 22)).toBeUndefined();
      expect(await engine.forwardToLoopback(5000)).toBeUndefined();
      await engine.removeContainer(id);
    });

    test("is refused without our certificate, with a foreign authority, and without TLS", async () => {
      const { tls } = lab.host("safe");
      const address = tls?.address ?? "";
      const files = (names: readonly string[]) =>
        Object.fromEntries(names.map((name) => [name, join(tls?.folder ?? "", `${name}.pem`)]));
      const parsed = parseHostAddress(address);
      if (parsed?.kind !== "tcp") throw new Error("no address");
      const tries = [{ tls: files(["ca"]) }, { tls: files(["cert", "key"]) }, {}];
      const codes: unknown[] = [];
      for (const changes of tries) {
        const error: unknown = await openEngine({ ...parsed, ...changes }, { variables: {} }).catch((thrown) => thrown);
        expect(error).toMatchObject({ exitCode: 5, where: address });
        codes.push((error as { code: string }).code);
      }
      expect(codes).toEqual(["tls-failed", "tls-failed", "tls-required"]);
    });
  });
});

/**
 * Another program with an engine open: a pipe, a stream, a dialled connection, a command that runs. One that may ask has a
 * process group, as at a terminal; a Ctrl-C there ends neither.
 */
function runElsewhere(address: string, interactive = false): ChildProcess {
  const source = resolve(import.meta.dirname, "../../src/engine/open.ts");
  const script = `
    import { openEngine } from ${JSON.stringify(source)};
    import { parseHostAddress } from ${JSON.stringify(resolve(import.meta.dirname, "../../src/base/host.ts"))};
    process.on("SIGINT", () => console.log("interrupted"));
    const engine = await openEngine(parseHostAddress(${JSON.stringify(address)}), { interactive: ${interactive} });
    await engine.events({}, new AbortController().signal);
    await engine.dial(${JSON.stringify(lab.host("test1").ip)}, 22);
    console.log("open");
    setInterval(() => {}, 1000);
  `;
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    env: { ...process.env, ...lab.env },
    stdio: ["ignore", "pipe", "inherit"],
    detached: interactive,
  });
}
