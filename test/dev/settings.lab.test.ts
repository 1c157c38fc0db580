import { createServer } from "node:net";
import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

const serve = "env >/www/env.txt; exec httpd -f -p 8080 -h /www";

function settings(dev: string, envFiles = "[../dev.env]"): string {
  return `app: { port: 8080, health: { path: /index.html, interval: 200ms }, command: [sh, -c, "${serve}"] }
${dev}
stages: { dev: { ports: ["127.0.0.1:18440:8080"], env_file: ${envFiles}, env: { WORD: "\${WORD:-none}" } } }`;
}

describeLab("settings that change while envctl dev runs", () => {
  it("replaces the container by what dev.command, dev.env, dev.ports, .env and each env_file say now", async () => {
    const lab = await useLab();
    await ensureBaseImage("busybox");
    const project = new Project(lab);
    project.write("../dev.env", "COLOUR=blue\n");
    project.environment(settings(""));
    const session = new DevSession(project);
    await session.next("serving");
    const page = async (path: string, port = 18_440) => await get(`http://127.0.0.1:${port}/${path}`);
    const variables = async () => (await page("env.txt")).body.split("\n");
    const app = async () => (await runningContainers(lab.localSocket, project.name, "dev")).map(({ Id }) => Id);
    expect(await variables()).toEqual(expect.arrayContaining(["COLOUR=blue", "WORD=none"]));

    const before = await app();
    project.write("../dev.env", "COLOUR=red\n");
    await session.next("serving");
    expect(await variables()).toContain("COLOUR=red");
    expect(await app()).not.toEqual(before);
    project.write(".env", "WORD=set\n");
    await session.next("serving");
    expect(await variables()).toContain("WORD=set");

    const command = `command: [sh, -c, "echo for dev >/www/dev.txt; ${serve}"]`;
    project.environment(settings(`dev: { ${command}, env: { DEBUG: "1" }, ports: ["18441:8080"] }`));
    await session.next("serving");
    expect((await page("dev.txt")).body).toBe("for dev\n");
    expect((await page("env.txt", 18_441)).body.split("\n")).toContain("DEBUG=1");
    expect((await project.ok("status", "dev")).stdout).toContain("dev: command, env DEBUG, ports 18441");
    project.environment(settings(`dev: { env: { DEBUG: "2" }, ports: ["18442:8080"] }`));
    await session.next("serving");
    expect((await page("dev.txt", 18_442)).status).toBe(404);
    await expect(page("dev.txt", 18_441)).rejects.toThrow("ECONNREFUSED");
    expect(await variables()).toContain("DEBUG=2");

    // Mistakes in the settings hold up nothing else, and the file that was missing mends them.
    project.environment(settings("", "[../dev.env, late.env]"));
    project.page("second");
    const failed = await session.next("failed");
    expect(failed.error).toMatchObject({ code: "environment-invalid" });
    expect(await session.next("synced")).toMatchObject({ files: ["index.html"] });
    expect((await page("index.html")).body).toBe("second\n");
    project.write("late.env", "LATE=yes\n");
    await session.next("serving");
    expect(await variables()).toEqual(expect.arrayContaining(["LATE=yes", "COLOUR=red"]));
    project.write("late.env", "LATE=later\n");
    await session.next("serving");
    expect(await variables()).toContain("LATE=later");
    expect(session.lines.filter(({ event }) => event === "failed")).toHaveLength(1);
    await session.interrupt();
  });

  it("takes up at last what it could not at once", async () => {
    const project = new Project(await useLab());
    await ensureBaseImage("busybox");
    const dockerfile =
      'FROM busybox\nCOPY index.html *.txt /www/\nSTOPSIGNAL SIGKILL\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n';
    project.write("Dockerfile", dockerfile);
    project.write("page.txt", "one\n");
    project.write(".dockerignore", "*.env\n");
    const environment = (action: string, more = "", reload = 18_447) =>
      project.environment(`app: { port: 8080, health: { path: /index.html, interval: 200ms } }
dev: { rules: [{ path: page.txt, action: ${action} }], reload: ${reload} }
stages: { dev: { ports: ["127.0.0.1:18446:8080"]${more} } }`);
    environment("ignore");
    const session = new DevSession(project);
    try {
      await session.next("serving");

      // A rule, while the Dockerfile has a mistake that is then taken back.
      project.write("Dockerfile", dockerfile.replace("COPY", "RUN false\nCOPY"));
      await session.next("failed");
      environment("sync");
      await session.next("note", ({ text }) => text === "the environment file was read again");
      project.write("Dockerfile", dockerfile);
      await session.next("status", ({ failed }) => failed === false);
      project.write("page.txt", "two\n");
      await session.next("synced", ({ files }) => String(files) === "page.txt");
      expect((await get("http://127.0.0.1:18446/page.txt")).body).toBe("two\n");

      // A port that another program has: browsers stay connected to the one before.
      const other = createServer().listen(18_448, "127.0.0.1");
      environment("sync", "", 18_448);
      expect(await session.next("failed")).toMatchObject({ error: { code: "port-taken" } });
      expect((await get("http://127.0.0.1:18447/")).status).toBe(200);
      other.close();

      // A file that is left out of the build context, where nobody watches for it.
      environment("sync", ", env_file: late.env");
      expect(await session.next("failed")).toMatchObject({ error: { code: "environment-invalid" } });
      project.write("late.env", "LATE=yes\n");
      await session.next("serving");
    } finally {
      await session.interrupt();
    }
  });
});
