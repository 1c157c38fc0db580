import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const dockerfile = `FROM busybox
RUN mkdir -p /etc && echo app:x:1234:1300::/app:/bin/sh >>/etc/passwd && echo app:x:1300: >>/etc/group
RUN mkdir /app && chown app:app /app
WORKDIR /app
COPY --chown=app:app . .
USER app
CMD ["sh", "serve.sh"]
`;

const program = `. ./words.sh
mkdir -p www
echo "$WORDS" >www/index.html
exec httpd -f -p 8080 -h www
`;

async function projectOn(lab: Lab, port: number, more = ""): Promise<Project> {
  await ensureBaseImage("busybox");
  const project = new Project(lab);
  rmSync(join(project.folder, "index.html"));
  project.write("serve.sh", program);
  project.write("words.sh", "WORDS=first\n");
  project.write("Dockerfile", dockerfile);
  project.environment(
    `app: { port: 8080, health: { path: /index.html, interval: 200ms }, stop: { grace: 2s } }
stages: { dev: { ports: ["127.0.0.1:${port}:8080"] } }
${more}`,
  );
  return project;
}

describeLab("envctl dev of an image with no tools but busybox, as Alpine's have", () => {
  it("restarts its program, makes folders as its user's, and deletes what was deleted while the container was stopped", async () => {
    const lab = await useLab();
    const project = await projectOn(lab, 18_445);
    const session = new DevSession(project);
    await session.next("serving");
    const page = async () => (await get("http://127.0.0.1:18445/index.html")).body;
    const app = async () => (await runningContainers(lab.localSocket, project.name, "dev"))[0]?.Id ?? "";
    const inApp = async (...command: string[]) => await docker(lab.localSocket, "exec", await app(), ...command);
    const before = await app();

    project.write("words.sh", "WORDS=second\n");
    const synced = await session.next("synced");
    expect(synced).toMatchObject({ files: ["words.sh"], problem: null });
    expect((synced.times as Record<string, number>).restarted).toBeGreaterThan(0);
    expect(await page()).toBe("second\n");

    mkdirSync(join(project.folder, "new/nested"), { recursive: true, mode: 0o750 });
    project.write("new/nested/file.txt", "1");
    await session.next("synced", ({ files }) => (files as string[]).includes("new/nested/file.txt"));
    const paths = ["new", "new/nested", "new/nested/file.txt"];
    expect((await inApp("stat", "-c", "%u:%g %a", ...paths)).split("\n")).toEqual([
      "1234:1300 750",
      "1234:1300 750",
      "1234:1300 644",
    ]);

    // A container that waits: what it missed it has as soon as it goes on.
    await docker(lab.localSocket, "pause", before);
    expect(await session.next("container")).toMatchObject({ change: "ended", text: "was paused", lines: [] });
    project.write("new/nested/file.txt", "2");
    await docker(lab.localSocket, "unpause", before);
    expect(await session.next("container")).toMatchObject({ change: "started" });
    await session.next("synced", ({ files }) => (files as string[]).includes("new/nested/file.txt"));
    expect(await inApp("cat", "new/nested/file.txt")).toBe("2");

    await docker(lab.localSocket, "stop", "-t", "0", before);
    await session.next("container", ({ change }) => change === "ended");
    rmSync(join(project.folder, "new"), { recursive: true });
    await docker(lab.localSocket, "start", before);
    await session.next("synced", ({ removed }) => Number(removed) > 0);
    expect((await inApp("ls")).split("\n")).not.toContain("new");
    expect(await app()).toBe(before);
    expect(session.lines.filter(({ event }) => event === "rebuilding")).toHaveLength(1);
    await session.interrupt();
  });

  it("says that its container was paused, or ended, in the midst of a sync, too", async () => {
    const lab = await useLab();
    const rules = "dev: { rules: [{ path: large, target: /app/large, action: sync }] }";
    const project = await projectOn(lab, 18_446, rules);
    mkdirSync(join(project.folder, "large"));
    const session = new DevSession(project);
    await session.next("serving");
    await session.next("synced");
    const id = (await runningContainers(lab.localSocket, project.name, "dev"))[0]?.Id ?? "";
    const size = 150 * 1024 * 1024;
    const startLargeSync = async (fill: string) => {
      // Whole at once: what is still being written is synced in many steps.
      project.write("../large", fill.repeat(size));
      renameSync(join(project.folder, "../large"), join(project.folder, "large/file"));
      await session.next("status", ({ activity }) => activity === "syncing");
    };
    const synced = async () => {
      await session.next("synced", ({ files }) => (files as string[]).includes("large/file"));
      return await docker(lab.localSocket, "exec", id, "stat", "-c", "%s", "/app/large/file");
    };

    await startLargeSync("1");
    await docker(lab.localSocket, "pause", id);
    expect(await session.next("container")).toMatchObject({ change: "ended", text: "was paused" });
    await docker(lab.localSocket, "unpause", id);
    expect(await session.next("container")).toMatchObject({ change: "started" });
    expect(await synced()).toBe(`${size}`);

    await startLargeSync("2");
    await docker(lab.localSocket, "kill", id);
    expect(await session.next("container")).toMatchObject({ change: "ended", text: "ended with code 137" });
    await docker(lab.localSocket, "start", id);
    expect(await synced()).toBe(`${size}`);
    await session.interrupt();
  });
});
