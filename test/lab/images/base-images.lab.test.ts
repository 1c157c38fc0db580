import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../describe-lab.ts";
import { type Lab, useLab } from "../lab.ts";
import { ensureBaseImage } from "./base-images.ts";

let lab: Lab;
const started: string[] = [];

const docker = async (...args: string[]) =>
  (await execa("docker", ["-H", `unix://${lab.host("test1").socket}`, ...args])).stdout;

/** Starts a service and resolves to its container's id. */
async function start(...args: string[]): Promise<string> {
  const id = await docker("run", "-d", ...args);
  started.push(id);
  return id;
}

describeLab("a base image", () => {
  beforeAll(async () => {
    lab = await useLab();
  });

  afterAll(async () => {
    if (started.length > 0) await docker("rm", "-f", "-v", ...started);
  });

  it("node:20-slim runs this machine's node, npm, and the user of the official image", async () => {
    expect(await docker("run", "--rm", "node:20-slim", "node", "-p", "process.version")).toBe(process.version);
    expect(await docker("run", "--rm", "-u", "node", "node:20-slim", "sh", "-c", "npm --version; id -u")).toMatch(
      /^\d+\.\d+\.\d+\n1000$/,
    );
  });

  it("says what is really in it", async () => {
    await ensureBaseImage("postgres");
    await docker("pull", "-q", "postgres:16");
    const labels = await docker("image", "inspect", "-f", "{{json .Config.Labels}}", "postgres:16");
    expect(labels).toContain("PostgreSQL 15 of Debian");
  });

  it("python:3-slim runs python and installs with pip", async () => {
    await ensureBaseImage("python");
    expect(await docker("run", "--rm", "python:3-slim", "python", "-c", "print(6 * 7)")).toBe("42");
    expect(await docker("run", "--rm", "python:3-slim", "pip", "--version")).toContain("python 3");
    expect(await docker("run", "--rm", "python:3-slim", "python", "-m", "venv", "/tmp/own")).toBe("");
  });

  it("nginx:alpine serves files", async () => {
    await ensureBaseImage("nginx");
    const id = await start("nginx:alpine");
    const fetching = ["exec", id, "perl", "-MIO::Socket::INET", "-e"];
    const script =
      'my $s = IO::Socket::INET->new("127.0.0.1:80") or exit 1; print $s "GET / HTTP/1.0\\n\\n"; print <$s>';
    await expect
      .poll(() => docker(...fetching, script).catch(String), { timeout: 10_000 })
      .toContain("Welcome to nginx");
  });

  it("redis:7 keeps what it is told", async () => {
    await ensureBaseImage("redis");
    const id = await start("redis:7");
    await expect.poll(() => docker("exec", id, "redis-cli", "set", "a", "1").catch(String)).toBe("OK");
    expect(await docker("exec", id, "redis-cli", "get", "a")).toBe("1");
  });

  it("haproxy:lts runs as a master with its workers, by a user of its own", async () => {
    await ensureBaseImage("haproxy");
    const configuration = "defaults\n mode http\n timeout client 1s\nfrontend web\n bind :8080\n";
    const command = ["sh", "-c", 'printf "$1" >/tmp/a && exec docker-entrypoint.sh -f /tmp/a', "sh", configuration];
    const id = await start("haproxy:lts", ...command);
    const processes = () => docker("top", id, "-o", "pid,user,args");
    await expect.poll(processes, { timeout: 10_000 }).toMatch(/haproxy -W -db -f .*\n.*haproxy -W -db -f/);
    expect(await processes()).not.toContain("root");
  });

  it("caddy:2 serves what its command says", async () => {
    await ensureBaseImage("caddy");
    const id = await start("caddy:2", "caddy", "respond", "--listen", ":8080", "hello from caddy");
    const fetching = ["exec", id, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/"];
    await expect.poll(() => docker(...fetching).catch(String), { timeout: 10_000 }).toBe("hello from caddy");
  });

  it("postgres:16 makes its database at the first start, and keeps it over a restart", async () => {
    const id = await start("-e", "POSTGRES_PASSWORD=secret", "-e", "POSTGRES_DB=shop", "postgres:16");
    const query = (sql: string) => {
      const psql = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "shop", "-tAc", sql];
      return docker("exec", "-e", "PGPASSWORD=secret", id, ...psql).catch(String);
    };
    await expect.poll(() => query("create table kept (a int)"), { timeout: 60_000 }).toBe("CREATE TABLE");
    await query("insert into kept values (7)");
    await docker("restart", id);
    await expect.poll(() => query("select a from kept"), { timeout: 30_000 }).toBe("7");
  });
});
