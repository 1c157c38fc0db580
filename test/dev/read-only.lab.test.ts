import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

describeLab("envctl dev with a container whose root file system is read-only", () => {
  it("says that nothing can be synced into it, and rebuilds for each change: whether it runs, or ends again and again", async () => {
    const lab = await useLab();
    await ensureBaseImage("busybox");
    const project = new Project(lab);
    project.environment(
      `app: { port: 8080, health: { path: /index.html, interval: 200ms } }
stages: { dev: { ports: ["127.0.0.1:18444:8080"] } }`,
    );
    const session = new DevSession(project);
    await session.next("serving");
    const page = async () => (await get("http://127.0.0.1:18444/index.html")).body;
    /** Somebody makes the app's container anew by hand, with options of their own. */
    const replace = async (options: readonly string[], command: readonly string[]) => {
      const [app] = await runningContainers(lab.localSocket, project.name, "dev");
      if (!app) throw new Error("the app does not run");
      const labels = Object.entries(app.Config.Labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
      await docker(lab.localSocket, "rm", "-f", app.Id);
      const name = app.Name.slice(1);
      const how = ["--read-only", "--name", name, ...labels, ...options];
      await docker(lab.localSocket, "run", "-d", ...how, app.Image, ...command);
    };
    const cannot = (text: unknown) => /read-only.*: every change makes a rebuild/.test(String(text));

    await replace([], []);
    await session.next("note", ({ text }) => cannot(text));
    project.page("second");
    expect(String((await session.next("rebuilding")).why)).toContain("nothing can be synced into the container");
    await session.next("serving");
    expect(await page()).toBe("second\n");
    // The new one is like any other again.
    project.page("third");
    await session.next("synced");
    expect(await page()).toBe("third\n");

    await replace(["--restart", "always"], ["sh", "-c", "exit 1"]);
    await session.next("container", ({ change }) => change === "ended" || change === "again");
    project.page("fourth");
    await session.next("note", ({ text }) => cannot(text));
    await session.next("serving");
    expect(await page()).toBe("fourth\n");
    expect(session.lines.filter(({ event, text }) => event === "note" && cannot(text))).toHaveLength(2);
    expect(session.lines.filter(({ event }) => event === "cancelled" || event === "failed")).toEqual([]);
    await session.interrupt();
  });
});
