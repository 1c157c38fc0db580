import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "../promotion/project.ts";
import { DevSession } from "./dev-session.ts";

describeLab("envctl dev of a program that prints its secrets", () => {
  it("masks them, also where it shows what the program printed last", async () => {
    const lab = await useLab();
    await ensureBaseImage("busybox");
    const project = new Project(lab);
    project.env.PASSWORD = "correct-horse-battery";
    const environment = (end: string) =>
      project.environment(`app:
  port: 8080
  health: { path: /index.html, interval: 200ms, retries: 10 }
  secrets: [PASSWORD]
  command: [sh, -c, "echo it is $$PASSWORD; ${end}"]
stages: { dev: { ports: ["127.0.0.1:18449:8080"] } }`);
    environment("exec httpd -f -p 8080 -h /www");
    const session = new DevSession(project);
    try {
      await session.next("serving");
      const [app] = await runningContainers(lab.localSocket, project.name, "dev");
      await docker(lab.localSocket, "kill", String(app?.Id));
      expect((await session.next("container")).lines).toEqual(["it is ***"]);
      environment("exit 3");
      expect(await session.next("failed")).toMatchObject({ error: { code: "unhealthy" } });
    } finally {
      await session.interrupt();
    }
    expect(JSON.stringify(session.lines)).not.toContain("correct-horse");
  });
});
