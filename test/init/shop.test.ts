import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { Agent, get } from "node:http";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { readEnvironment } from "../../src/environment/load.ts";
import { Folder } from "../build/folder.ts";

const shop = fileURLToPath(new URL("../../envs/shop/", import.meta.url));
const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

describe("the sample's server", () => {
  it("says which stage, release and configuration it runs with", async () => {
    await using data = await Folder.of({});
    const { url } = await start(data.path, {
      ENVCTL_ENVIRONMENT: "shop",
      ENVCTL_STAGE: "test",
      ENVCTL_RELEASE: "3f2c1ab",
      ENVCTL_DIGEST: "sha256:0",
      GREETING: "<b>Hi & welcome</b>",
      LOG_LEVEL: "info",
    });
    const asked = await fetch(url, { headers: { Accept: "application/json" } });
    expect(asked.headers.get("content-type")).toBe("application/json");
    expect(await asked.json()).toMatchObject({
      environment: "shop",
      stage: "test",
      release: "3f2c1ab",
      digest: "sha256:0",
      configuration: { GREETING: "<b>Hi & welcome</b>", LOG_LEVEL: "info" },
      host: expect.any(String),
      uptime: expect.any(Number),
    });
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    const text = await page.text();
    expect(text).toContain("3f2c1ab");
    expect(text).not.toContain("<b>");
    expect((await fetch(`${url}nowhere`)).status).toBe(404);
  });

  it("counts visits that come at once, and remembers them", async () => {
    await using data = await Folder.of({});
    await migrate(data.path);
    const first = await start(data.path);
    const counts = await Promise.all(Array.from({ length: 50 }, () => visit(first.url)));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    await stop(first.child);
    const second = await start(data.path);
    expect(await (await fetch(`${second.url}visits`)).json()).toEqual({ count: 50 });
    expect(await (await fetch(`${second.url}healthz`)).text()).toBe("ready after 50 visits");
  });

  it("is not healthy with data that it cannot read, and is again when it can", async () => {
    await using data = await Folder.of({ "visits.json": "torn" });
    const { url } = await start(data.path);
    expect((await fetch(`${url}healthz`)).status).toBe(500);
    expect((await fetch(`${url}visits`, { method: "POST" })).status).toBe(500);
    await data.write("visits.json", '{"count":4}');
    expect((await fetch(`${url}healthz`)).status).toBe(200);
    expect(await visit(url)).toBe(5);
  });

  it("ends by itself when it is told to, though a connection is kept open", async () => {
    await using data = await Folder.of({});
    const { url, child } = await start(data.path);
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      get(url, { agent }, (response) => response.resume().on("end", resolve)).on("error", reject);
    });
    const began = performance.now();
    expect(await stop(child)).toBe(0);
    expect(performance.now() - began).toBeLessThan(3000);
    await expect(fetch(url)).rejects.toThrow();
    agent.destroy();
  });
});

describe("the sample's migration", () => {
  it("makes the data once and keeps what is there", async () => {
    await using data = await Folder.of({});
    const folder = data.join("deeper/shop");
    expect((await migrate(folder)).stdout).toMatch(/^made /);
    expect(JSON.parse(await readFile(`${folder}/visits.json`, "utf8"))).toEqual({ count: 0 });
    await data.write("deeper/shop/visits.json", '{"count":7}');
    expect((await migrate(folder)).stdout).toMatch(/is there already$/);
    expect(JSON.parse(await readFile(`${folder}/visits.json`, "utf8"))).toEqual({ count: 7 });
    expect(await readdir(folder)).toEqual(["visits.json"]);
  });
});

describe("the sample's environment file", () => {
  it("is valid: dev here, test on one host, prod on two, each with its own configuration", async () => {
    const { problems, environment } = await readEnvironment({
      file: undefined,
      directory: shop,
      variables: { TEST_HOST: "ssh://deploy@test.example.com" },
    });
    expect(problems).toEqual([]);
    const stages = environment?.stages.map((stage) => [stage.name, stage.hosts.map((host) => host.name)]);
    expect(stages).toEqual([
      ["dev", ["local"]],
      ["test", ["ssh://deploy@test.example.com"]],
      ["prod", ["ssh://prod1", "ssh://prod2"]],
    ]);
  });
});

async function start(data: string, variables: Record<string, string> = {}) {
  const port = await freePort();
  const child = spawn(process.execPath, [`${shop}server.js`], {
    env: { PORT: String(port), DATA: data, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  const [line] = await once(child.stdout, "data");
  expect(String(line)).toContain(`shop listens on ${port}`);
  return { child, url: `http://127.0.0.1:${port}/` };
}

async function stop(child: ChildProcess): Promise<unknown> {
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  return code;
}

async function visit(url: string): Promise<number> {
  const response = await fetch(`${url}visits`, { method: "POST" });
  return ((await response.json()) as { count: number }).count;
}

async function migrate(data: string) {
  return await execa(process.execPath, [`${shop}migrate.js`], { env: { DATA: data } });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
