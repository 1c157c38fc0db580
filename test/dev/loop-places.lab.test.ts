import { chmodSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { beforeAll, expect, it } from "vitest";
import { onTerminal } from "../cli/terminal.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { cli, docker, get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const settings = "app: { port: 8080, health: { path: /index.html, interval: 200ms }, stop: { grace: 2s } }";

/** What is left where the loop is killed while it takes busybox out of its image. */
async function orphan(lab: Lab, project: Project): Promise<void> {
  const labels = [`environment=${project.name}`, "stage=dev", "role=task", "workload=busybox"];
  await docker(
    lab.localSocket,
    ...["create", "--name", `envctl-busybox-${project.name}`],
    ...labels.flatMap((label) => ["--label", `envctl.${label}`]),
    ...["busybox", "true"],
  );
}

async function orphans(lab: Lab, project: Project): Promise<string> {
  return await docker(lab.localSocket, "ps", "-aq", "--filter", `name=envctl-busybox-${project.name}`);
}

describeLab("envctl dev on a host behind SSH", () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("busybox");
  }, 180_000);

  it("syncs there, leads the app's port here, and goes on after the host's engine was away", async () => {
    const project = new Project(lab);
    project.environment(`${settings}\nstages:\n  dev: { hosts: [ssh://test1], ports: ["18432:8080"] }`);
    const session = new DevSession(project);
    expect(await session.next("forwarded")).toMatchObject({ host: "ssh://test1", port: 18_432, problem: null });
    const page = async () => (await get("http://127.0.0.1:18432/index.html")).body;
    expect(await page()).toBe("first\n");
    project.page("second");
    await session.next("synced");
    expect(await page()).toBe("second\n");
    await lab.killEngine("test1");
    await session.next("engine", ({ reachable }) => reachable === false);
    project.page("third");
    await lab.startEngine("test1");
    await session.next("engine", ({ reachable }) => reachable === true);
    await session.next("synced", ({ files }) => (files as string[]).includes("index.html"));
    await expect.poll(page, { timeout: 20_000 }).toBe("third\n");
    expect((await session.interrupt()).exitCode).toBe(130);
  });

  it("says of a port that is taken here what to do", async () => {
    const other = createServer().listen(18_433, "127.0.0.1");
    const project = new Project(lab);
    project.environment(`${settings}\nstages:\n  dev: { hosts: [ssh://test1], ports: ["18433:8080"] }`);
    const session = new DevSession(project);
    expect((await session.next("forwarded")).problem).toMatch(/another program on this machine has it: .*`ports`/);
    await session.interrupt();
    other.close();
  });
});

describeLab("envctl dev of a Python program", () => {
  it("restarts it for its own files, and not for a template", async () => {
    const lab = await useLab();
    await ensureBaseImage("python");
    const project = new Project(lab);
    rmSync(join(project.folder, "index.html"));
    project.write("words.py", 'WORDS = "first"\n');
    project.write(
      "main.py",
      `import signal, sys, words
from http.server import BaseHTTPRequestHandler, HTTPServer
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((words.WORDS + " " + open("/srv/page.txt").read()).encode())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("", 8080), Page).serve_forever()
`,
    );
    project.write("page.txt", "one");
    project.write("Dockerfile", 'FROM python:3-slim\nWORKDIR /srv\nCOPY . .\nCMD ["python3", "main.py"]\n');
    project.environment(
      'app: { port: 8080, health: { path: /, interval: 200ms }, stop: { grace: 2s } }\ndev: { rules: [{ path: "*.txt", action: sync }] }\nstages:\n  dev: { ports: ["127.0.0.1:18437:8080"] }',
    );
    const session = new DevSession(project);
    await session.next("serving");
    const page = async () => (await get("http://127.0.0.1:18437/")).body;
    expect(await page()).toBe("first one");
    project.write("words.py", 'WORDS = "second"\n');
    expect(await session.next("synced")).toMatchObject({ files: ["words.py"], problem: null });
    expect(await page()).toBe("second one");
    project.write("page.txt", "two");
    expect(await session.next("synced")).toMatchObject({ times: { restarted: null } });
    expect(await page()).toBe("second two");
    await session.interrupt();
  });
});

describeLab("envctl dev of an image with nothing in it", () => {
  it("syncs, adds and deletes pages of a static site in a scratch image; removes what a killed loop left", async () => {
    const lab = await useLab();
    await ensureBaseImage("busybox");
    const project = new Project(lab);
    rmSync(join(project.folder, "index.html"));
    project.write("page.html", "first\n");
    project.write(
      "Dockerfile",
      'FROM busybox AS tools\nFROM scratch\nCOPY --from=tools /bin/busybox /httpd\nCOPY *.html /www/\nCMD ["/httpd", "httpd", "-f", "-p", "8080", "-h", "/www"]\n',
    );
    project.environment(
      'app: { port: 8080, health: { path: /page.html, interval: 200ms }, stop: { grace: 2s } }\ndev: { rules: [{ path: "*.html", action: sync }], reload: 18499 }\nstages:\n  dev: { ports: ["127.0.0.1:18434:8080"] }',
    );
    await orphan(lab, project);
    const session = new DevSession(project);
    await session.next("serving");
    expect(await orphans(lab, project)).toBe("");
    const page = async (name: string) => await get(`http://127.0.0.1:18434/${name}`);
    const events = await fetch("http://127.0.0.1:18499/events");
    const reader = events.body?.getReader();
    project.write("page.html", "second\n");
    await session.next("synced");
    expect((await page("page.html")).body).toBe("second\n");
    let told = "";
    while (!told.includes("page.html")) told += Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(told).toContain('event: reload\ndata: {"files":["page.html"]');
    project.write("other.html", "other\n");
    await session.next("synced");
    expect((await page("other.html")).status).toBe(200);
    rmSync(join(project.folder, "other.html"));
    await session.next("synced", ({ removed }) => removed === 1);
    expect((await page("other.html")).status).toBe(404);
    await session.interrupt();
    await orphan(lab, project);
    await project.ok("dev", "--once");
    expect(await orphans(lab, project)).toBe("");
    await orphan(lab, project);
    await project.ok("down", "dev", "--yes");
    expect(await orphans(lab, project)).toBe("");
  });
});

describeLab("envctl dev on a terminal", () => {
  it("draws a status line below the output, knows its keys, and leaves the terminal as it was", async () => {
    const lab = await useLab();
    const project = new Project(lab);
    project.environment(
      `${settings}\nstages:\n  dev: { ports: ["127.0.0.1:18435:8080"] }\n  test: { hosts: [ssh://test1], after: dev }`,
    );
    // The browser, which the second time is not to be had, however soon after the first that is.
    const bin = join(project.folder, "bin");
    mkdirSync(bin);
    project.write("bin/xdg-open", '#!/bin/sh\nmkdir ../opening && echo "$@" >../opened\n');
    chmodSync(join(bin, "xdg-open"), 0o755);
    await project.ok("up", "dev");
    const keys = [
      { after: /serves at[\s\S]*healthy/, keys: "o" },
      { after: /healthy/, size: { columns: 40, rows: 20 } },
      // The line was two for the narrow window.
      { after: /\[1A.\[J/, keys: "o" },
      { after: /no browser could be opened here: http:\/\/localhost:18435\//, size: { columns: 60, rows: 20 } },
      { after: /no browser[\s\S]*\[J[^\n]*localhost:18435[^\n]*$/, keys: "?" },
      { after: /q {2}quit/, keys: "l" },
      { after: /only the output of app/, keys: "r" },
      { after: /restarted/, keys: "s" },
      { after: /\/ #|\$ /, keys: "echo in-$((40+2))\nexit\n" },
      { after: /in-42[\s\S]*healthy/, keys: "b" },
      { after: /you asked for it[\s\S]*serves at[\s\S]*healthy/, keys: "p" },
      { after: /promote \S+ to test\? y\/n/, keys: "n" },
      { after: /not promoted/, keys: "p" },
      { after: /not promoted[\s\S]*promote \S+ to test\? y\/n/, keys: "y" },
      { after: /test runs \S+/, keys: "?" },
      { after: /test runs[\s\S]*q {2}quit/, keys: "q" },
    ];
    const { NO_COLOR: _, ...env } = project.env;
    const { screen, exitCode } = await onTerminal([process.execPath, cli, "dev"], {
      cwd: project.folder,
      env: { ...env, CI: "", PATH: `${bin}:${env.PATH ?? process.env.PATH}` },
      size: { columns: 78, rows: 20 },
      typing: keys,
    });
    const text = stripVTControlCharacters(screen).replaceAll("\r", "\n");
    expect(exitCode, text).toBe(0);
    expect(text).toMatch(/dev \S+ · healthy/);
    expect(text).toMatch(/dev \S+ goes on running at http:\/\/localhost:18435\//);
    const status = text.split("\n").filter((line) => line.includes(" · healthy"));
    expect(Math.max(...status.map((line) => [...line].length))).toBeLessThanOrEqual(78);
    expect(readFileSync(join(project.folder, "../opened"), "utf8")).toBe("http://localhost:18435/\n");
  });

  it("leaves no promotion in the middle: q ends once it is done, Ctrl-C puts it back", async () => {
    const lab = await useLab();
    const project = new Project(lab);
    project.environment(
      `${settings}\nstages:\n  dev: { ports: ["127.0.0.1:18450:8080"] }\n  test: { hosts: [ssh://test1], after: dev }`,
    );
    const { NO_COLOR: _, ...env } = project.env;
    const { socket } = lab.host("test1");
    const tested = async () => (await runningContainers(socket, project.name, "test")).length;
    const lock = async () => await docker(socket, "volume", "ls", "-q", "--filter", `name=${project.name}-test-lock`);
    const promote = async (key: string, at: RegExp) => {
      const { screen, exitCode } = await onTerminal([process.execPath, cli, "dev", "--verbose"], {
        cwd: project.folder,
        env: { ...env, CI: "" },
        typing: [
          { after: /serves at[\s\S]*healthy/, keys: "p" },
          { after: /promote \S+ to test\? y\/n/, keys: "y" },
          { after: at, keys: key },
        ],
      });
      return { exitCode, text: stripVTControlCharacters(screen) };
    };
    const interrupted = await promote("\u0003", /ssh:\/\/test1 › start/);
    expect([interrupted.exitCode, await tested(), await lock()], interrupted.text).toEqual([130, 0, ""]);
    const quit = await promote("q", /ssh:\/\/test1 › (?:pull|create)/);
    expect([quit.exitCode, await tested(), await lock()], quit.text).toEqual([0, 1, ""]);
    expect(quit.text).toMatch(/test runs \S+/);
  }, 200_000);

  it("draws nothing where no person looks on", async () => {
    const lab = await useLab();
    const project = new Project(lab);
    project.environment(`${settings}\nstages: { dev: { ports: ["127.0.0.1:18436:8080"] } }`);
    const { stdout, exitCode } = await project.run("dev", "--once");
    expect([exitCode, stdout.includes("\u001b")]).toEqual([0, false]);
    expect(stdout).toMatch(/✓ \S+ serves at http:\/\/localhost:18436\/ \(built, /);
  });
});
