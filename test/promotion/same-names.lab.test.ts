import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project } from "./project.ts";

/** Names of environments and stages are joined with a hyphen, and may have one themselves. */
describeLab("two stages that would get the same names on one host", () => {
  let lab: Lab;
  let first: Project;
  let second: Project;
  const base = `t${Math.random().toString(36).slice(2, 8)}`;
  const write = (project: Project, stage: string) =>
    project.environment(`app: { port: 8080, health: { path: /index.html }, volumes: ["data:/data"], stop: { grace: 1s } }
stages: { ${stage}: { hosts: [local] } }`);
  const writer = (project: Project) =>
    docker(lab.localSocket, "ps", "-aq", "--filter", `label=envctl.environment=${project.name}`);

  beforeAll(async () => {
    lab = await useLab();
    first = new Project(lab, base);
    second = new Project(lab, `${base}-eu`);
    write(first, "eu-prod");
    write(second, "prod");
    await first.ok("up", "eu-prod");
  }, 100_000);

  it("the second one is refused before it touches the first one's data", async () => {
    const { exitCode, stderr } = await second.run("up", "prod");
    const both = `stage prod of ${base}-eu and stage eu-prod of ${base} are both ${base}-eu-prod`;
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(both)]);
    expect(stderr).toContain("no host was touched");
    expect(await writer(second)).toBe("");
  });

  it("its data counts, too, when it was taken down without it", async () => {
    await first.ok("down", "eu-prod", "--yes");
    expect((await second.run("up", "prod")).exitCode).toBe(2);
    await first.ok("down", "eu-prod", "--volumes", "--yes");
    await second.ok("up", "prod");
    await second.ok("down", "prod", "--volumes", "--yes");
  }, 100_000);
});
