import { setTimeout as wait } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages: { dev: {}, test: { hosts: [ssh://test1] } }`;

describeLab("--wait", () => {
  let project: Project;

  beforeAll(async () => {
    project = new Project(await useLab());
    project.environment(sections);
    await project.ok("up", "dev");
    await project.ok("lock", "test", "-m", "sale until six");
  }, 120_000);

  it("tells who holds the stage, and gives up in the end: exit 4", async () => {
    const result = await project.run("promote", "--wait", "1500ms", "test");
    expect([result.exitCode, result.stderr]).toEqual([
      4,
      expect.stringMatching(
        /· wait until test is free\n +│ locked by \S+ on \S+ since \S+: sale until six[\s\S]*test is still, after 1.5s, locked by \S+.*sale until six/,
      ),
    ]);
  });

  it("goes on once it is free, for every verb that takes the lock", async () => {
    for (const words of [
      ["promote", "test", "--wait"],
      ["lock", "--wait", "test", "-m", "again"],
      ["down", "--wait", "test", "--yes"],
    ]) {
      const [result] = await Promise.all([
        project.run(...words),
        wait(1500).then(() => project.ok("unlock", "test", "--yes")),
      ]);
      expect([result.exitCode, result.stderr]).toEqual([0, expect.stringMatching(/✓ wait until test is free/)]);
      if (words[0] === "promote") await project.ok("lock", "test", "-m", "once more");
    }
  });

  it("refuses what is no duration", async () => {
    const result = await project.run("up", "dev", "--wait=soon");
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringMatching(/--wait soon is no duration/)]);
  });
});
