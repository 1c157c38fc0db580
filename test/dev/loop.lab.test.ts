import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const server = `const http = require("node:http");
const fs = require("node:fs");
const words = require("./lib/words.js");
http.createServer((request, response) => {
  const file = __dirname + "/public" + request.url;
  if (request.url === "/") return response.end(words + (process.env.COLOUR ?? ""));
  try { response.end(fs.readFileSync(file)); } catch { response.writeHead(404).end(); }
}).listen(8080, () => console.log("listening", words));
process.on("SIGTERM", () => process.exit(0));
`;
const dockerfile = `FROM node:20-slim
WORKDIR /app
COPY package.json ./
RUN cp package.json installed.json
COPY server.js ./
COPY lib ./lib
COPY public ./public
USER node
CMD ["node", "server.js"]
`;

function environment(port: number, dev = "", colour = "blue"): string {
  return `app: { port: 8080, health: { path: /, interval: 200ms }, stop: { grace: 2s }, env: { COLOUR: ${colour} } }
services:
  helper: { image: busybox, command: [sleep, "1000"], stop: { grace: 0s } }
dev:
  rules:
    - { path: public, action: sync }
    - { path: lib/generated.txt, target: /app/lib/generated.txt, action: sync, run: [sh, -c, "echo made of $(cat /app/lib/generated.txt)"] }
${dev}
stages:
  dev: { ports: ["127.0.0.1:${port}:8080"] }`;
}

function nodeProject(lab: Lab, port: number): Project {
  const project = new Project(lab);
  rmSync(join(project.folder, "index.html"));
  for (const folder of ["lib", "public"]) mkdirSync(join(project.folder, folder));
  project.write("server.js", server);
  project.write("lib/words.js", 'module.exports = "first";\n');
  project.write("public/page.html", "page one\n");
  project.write("package.json", '{ "name": "shop" }\n');
  project.write("Dockerfile", dockerfile);
  project.environment(environment(port));
  return project;
}

describeLab("envctl dev", () => {
  let lab: Lab;
  let project: Project;
  let session: DevSession;
  const address = "http://127.0.0.1:18431/";
  const page = async (path = "") => await get(address + path);
  const app = async () => {
    const found = await runningContainers(lab.localSocket, project.name, "dev");
    return found.filter(({ Config }) => Config.Labels["envctl.workload"] === "app");
  };

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("node");
    await ensureBaseImage("busybox");
    project = nodeProject(lab, 18_431);
    session = new DevSession(project);
    await session.next("serving");
  }, 180_000);

  afterAll(async () => {
    await session?.interrupt();
  }, 60_000);

  it("builds, starts the app and its services, and shows what they print", async () => {
    expect((await page()).body).toBe("firstblue");
    const running = await runningContainers(lab.localSocket, project.name, "dev");
    expect(running.map(({ Config }) => Config.Labels["envctl.workload"]).sort()).toEqual(["app", "helper"]);
    expect(session.lines).toContainEqual(expect.objectContaining({ event: "log", text: "listening first" }));
  });

  it("syncs a page without a restart, with the times it took", async () => {
    const [before] = await app();
    project.write("public/page.html", "page two\n");
    const synced = await session.next("synced");
    expect(synced).toMatchObject({ files: ["public/page.html"], written: 1, removed: 0, different: 1, problem: null });
    const times = synced.times as Record<string, number>;
    expect(times.sent).toBeGreaterThanOrEqual(times.detected ?? 0);
    expect(times.ready).toBeLessThan(2000);
    expect((await page("page.html")).body).toBe("page two\n");
    expect((await app())[0]?.State.StartedAt).toBe(before?.State.StartedAt);
  });

  it("starts the process anew where it has to read the file again", async () => {
    const [before] = await app();
    project.write("lib/words.js", 'module.exports = "second";\n');
    const synced = await session.next("synced");
    expect((synced.times as Record<string, number>).restarted).toBeGreaterThan(0);
    expect((await page()).body).toBe("secondblue");
    const [after] = await app();
    expect(after?.Id).toBe(before?.Id);
    expect(after?.State.StartedAt).not.toBe(before?.State.StartedAt);
  });

  it("follows files that come, move and go", async () => {
    mkdirSync(join(project.folder, "public/new"));
    project.write("public/new/b c.html", "new\n");
    await session.next("synced", ({ files }) => (files as string[]).includes("public/new/b c.html"));
    expect((await page("new/b%20c.html")).status).toBe(404);
    project.write("public/new/b.html", "new\n");
    await session.next("synced");
    expect((await page("new/b.html")).body).toBe("new\n");
    renameSync(join(project.folder, "public/new"), join(project.folder, "public/moved"));
    await session.next("synced", ({ removed }) => Number(removed) > 0);
    expect([(await page("new/b.html")).status, (await page("moved/b.html")).status]).toEqual([404, 200]);
    const [found] = await app();
    await docker(lab.localSocket, "exec", "-u", "0", found?.Id ?? "", "touch", "/app/public/moved/upload");
    rmSync(join(project.folder, "public/moved"), { recursive: true });
    const kept = "/app/public/moved stays in the container, with the files that were made in it there";
    await session.next("note", ({ text }) => text === kept);
    await session.next("synced", ({ removed }) => Number(removed) > 0);
    expect((await page("moved/upload")).status).toBe(200);
    expect((await page("moved/b.html")).status).toBe(404);
  });

  it("runs a rule's command after the sync, and shows what it prints", async () => {
    project.write("lib/generated.txt", "seed");
    expect(await session.next("ran")).toMatchObject({ exitCode: 0, output: ["made of seed"] });
  });

  it("takes in the correction of a program that ends at once", async () => {
    project.write("lib/words.js", "}{\n");
    await session.next("container", ({ change }) => change === "ended" || change === "again");
    project.write("lib/words.js", 'module.exports = "mended";\n');
    await session.next("synced", ({ problem }) => problem === null);
    expect((await page()).body).toBe("mendedblue");
  });

  it("rebuilds for what the build reads, leaves services alone, and has all that was synced in the image", async () => {
    const helpers = await docker(lab.localSocket, "ps", "-q", "--filter", "label=envctl.workload=helper");
    const [before] = await app();
    project.write("package.json", '{ "name": "shop", "version": "2" }\n');
    const why = await session.next("rebuilding");
    expect(String(why.why)).toContain("package.json");
    await session.next("serving");
    expect((await page()).body).toBe("mendedblue");
    expect((await app()).map(({ Id }) => Id)).not.toContain(before?.Id);
    expect(await docker(lab.localSocket, "ps", "-q", "--filter", "label=envctl.workload=helper")).toBe(helpers);
    await session.next("status", ({ different, activity }) => different === 0 && activity === "idle");
  });

  it("keeps the old one when a build fails, says where, syncs on, and does not try the same again", async () => {
    project.write("Dockerfile", dockerfile.replace("cp package.json installed.json", "echo oh no; false"));
    const failed = await session.next("failed");
    expect(failed.error).toMatchObject({ code: "build-failed", where: expect.stringMatching(/Dockerfile:4$/) });
    project.write("public/page.html", "page three\n");
    await session.next("synced");
    expect((await page("page.html")).body).toBe("page three\n");
    const after = session.lines.length;
    project.write("public/page.html", "page four\n");
    await session.next("synced");
    expect(session.lines.slice(after).filter(({ event }) => event === "rebuilding")).toEqual([]);
    // What runs is of this Dockerfile: nothing is to be built any more.
    project.write("Dockerfile", dockerfile);
    await session.next("status", ({ failed: still }) => still === false);
  });

  it("cancels a build that something newer overtakes", async () => {
    project.write("Dockerfile", dockerfile.replace("cp package", "sleep 30; cp package"));
    await session.next("rebuilding");
    project.write("Dockerfile", dockerfile.replace("cp package", "true; cp package"));
    await session.next("cancelled");
    await session.next("serving");
    expect((await page("page.html")).body).toBe("page four\n");
  });

  it("sees a container that is killed and started by hand, and brings it up to date", async () => {
    const [found] = await app();
    await docker(lab.localSocket, "kill", found?.Id ?? "");
    expect(await session.next("container")).toMatchObject({ change: "ended", workload: "app", text: /137/ });
    project.write("public/page.html", "page five\n");
    await docker(lab.localSocket, "start", found?.Id ?? "");
    await session.next("synced");
    expect((await page("page.html")).body).toBe("page five\n");
  });

  it("keeps the old one when the new release does not become healthy", async () => {
    project.write("Dockerfile", dockerfile.replace('"server.js"]', '"-e", "process.exit(3)"]'));
    const failed = await session.next("failed");
    expect(failed.error).toMatchObject({ code: "unhealthy", what: expect.stringContaining("code 3") });
    expect((await page("page.html")).body).toBe("page five\n");
    project.write("Dockerfile", dockerfile.replace("cp package", "true; cp package"));
    await session.next("status", (status) => status.failed === false && status.activity === "idle");
  });

  it("tells mistakes in the environment file with their place, and deploys a change of it", async () => {
    project.environment(environment(18_431).replace("action: sync }", "action: snyc }"));
    const failed = await session.next("failed");
    expect(failed.error).toMatchObject({
      code: "environment-invalid",
      evidence: expect.arrayContaining([expect.stringContaining("^")]),
    });
    project.environment(environment(18_431, "  env: { COLOUR: red }"));
    await session.next("serving");
    expect((await page()).body).toBe("mendedred");
  });

  it("ends in order on Ctrl-C: what runs goes on", async () => {
    const { exitCode, last } = await session.interrupt();
    expect([exitCode, last?.event]).toEqual([130, "ended"]);
    expect((await page()).body).toBe("mendedred");
  });

  it("with --once syncs what changed meanwhile into what runs, and ends", async () => {
    const ids = async () => (await app()).map(({ Id }) => Id);
    const before = await ids();
    project.write("public/page.html", "page six\n");
    const result = await project.ok("dev", "--once");
    expect(result.stdout).toMatch(/goes on running at http:\/\/localhost:18431\//);
    expect((await page("page.html")).body).toBe("page six\n");
    expect(await ids()).toEqual(before);
    project.write("package.json", '{ "name": "shop", "version": "2.0.0" }\n');
    await project.ok("dev", "--once");
    expect(await ids()).not.toEqual(before);
    expect((await page("page.html")).body).toBe("page six\n");
  });

  it("forgets nothing of what it synced before it was killed", async () => {
    const first = new DevSession(project);
    await first.next("serving");
    project.write("public/page.html", "page seven\n");
    await first.next("synced");
    await first.kill();
    const before = (await app()).map(({ Id }) => Id);
    rmSync(join(project.folder, "public/page.html"));
    await project.ok("dev", "--once");
    expect((await app()).map(({ Id }) => Id)).toEqual(before);
    expect((await page("page.html")).status).toBe(404);
  });
});
