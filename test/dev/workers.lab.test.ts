import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

describeLab("envctl dev with a worker", () => {
  it("syncs and restarts it like the app, marks it, and up makes a release of both again", async () => {
    const lab = await useLab();
    await ensureBaseImage("node");
    const project = new Project(lab);
    rmSync(join(project.folder, "index.html"));
    project.write("words.js", 'module.exports = "first";\n');
    project.write(
      "server.js",
      'require("node:http").createServer((_, r) => r.end(require("./words.js"))).listen(8080);\n',
    );
    project.write("worker.js", 'console.log("works with", require("./words.js"));\nsetInterval(() => {}, 1000);\n');
    project.write("Dockerfile", 'FROM node:20-slim\nWORKDIR /app\nCOPY *.js ./\nCMD ["node", "server.js"]\n');
    project.environment(`app: { port: 8080, health: { path: / }, stop: { grace: 2s } }
workers: { mail: { command: [node, worker.js], replicas: 2, stop: { signal: SIGKILL } } }
dev: { env: { DEBUG: "1" } }
stages:
  dev: { ports: ["127.0.0.1:18436:8080"] }`);
    const session = new DevSession(project);
    try {
      await session.next("log", ({ text }) => text === "works with first");
      await session.next("serving");
      project.write("words.js", 'module.exports = "second";\n');
      await session.next("log", ({ workload, text }) => workload === "mail" && text === "works with second");
      await expect.poll(async () => (await get("http://127.0.0.1:18436/")).body).toBe("second");
    } finally {
      await session.interrupt();
    }
    const labels = async () => {
      const found = await runningContainers(lab.localSocket, project.name, "dev");
      return found.map(({ Config: { Labels } }) => [Labels["envctl.workload"], Labels["envctl.dev"]]).sort();
    };
    expect(await labels()).toEqual([
      ["app", "env DEBUG"],
      ["mail", "env DEBUG"],
    ]);
    await project.ok("up", "dev");
    expect(await labels()).toEqual([
      ["app", undefined],
      ["mail", undefined],
      ["mail", undefined],
    ]);
    expect((await get("http://127.0.0.1:18436/")).body).toBe("second");
  });

  it("starts it anew where the app needs no restart: each has a program of its own", async () => {
    const project = new Project(await useLab());
    await ensureBaseImage("busybox");
    project.write("worker.sh", "echo works; exec sleep 1000\n");
    project.write(
      "Dockerfile",
      'FROM busybox\nCOPY index.html worker.sh /www/\nSTOPSIGNAL SIGKILL\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n',
    );
    project.environment(`app: { port: 8080, health: { path: /index.html } }
workers: { mail: { command: [sh, /www/worker.sh] } }
stages: { dev: { ports: ["127.0.0.1:18438:8080"] } }`);
    const session = new DevSession(project);
    try {
      await session.next("serving");
      project.write("worker.sh", "echo works better; exec sleep 1000\n");
      await session.next("log", ({ text }) => text === "works better");
    } finally {
      await session.interrupt();
    }
    const restarted = session.lines
      .filter(({ event }) => event === "synced")
      .map(({ times }) => (times as { restarted: unknown }).restarted);
    // The app's web server hands out files as they are.
    expect(restarted).toContain(null);
  });
});
