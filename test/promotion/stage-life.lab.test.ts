import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "./project.ts";

const port = 18_551;
const sections = (level: string) => `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages:
  dev: {}
  test: { hosts: [ssh://test1], ports: ["${port}:8080"], env: { LEVEL: ${level} } }
  prod: { hosts: [ssh://prod1], ports: ["${port}:8080"] }`;

/** What this field's own suites run beside releases: set up, released again, only one place ever used, removed, set up again. */
describeLab("the life of a stage", () => {
  let lab: Lab;
  let project: Project;
  const page = async () => (await get(`http://${lab.host("test1").ip}:${port}/index.html`)).body;
  const containers = () => runningContainers(lab.host("test1").socket, project.name, "test");

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections("one"));
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 120_000);

  it("others that nothing was ever released to are empty, and no fault of anybody's", async () => {
    const { stages } = await project.json<{ stages: { stage: string; verdict: string }[] }>("status");
    expect(stages.map(({ stage, verdict }) => `${stage} ${verdict}`)).toEqual(["dev ok", "test ok", "prod empty"]);
    expect((await project.json<{ records: unknown[] }>("history", "prod")).records).toEqual([]);
    const rollback = await project.run("rollback", "prod");
    expect([rollback.exitCode, rollback.stderr]).toEqual([2, expect.stringMatching(/prod has run no earlier release/)]);
    const up = await project.run("up", "prod");
    expect([up.exitCode, up.stderr]).toEqual([3, expect.stringMatching(/next: {2}envctl promote prod/)]);
    expect(
      await docker(lab.host("prod1").socket, "ps", "-aq", "--filter", `label=envctl.environment=${project.name}`),
    ).toBe("");
  });

  it("the same release with another configuration goes out like a new one", async () => {
    const [before] = await containers();
    project.environment(sections("two"));
    const up = await project.json<{ plan: { hosts: { gap: boolean; steps: { kind: string }[] }[] } }>("up", "test");
    expect(up.plan.hosts[0]).toMatchObject({ gap: false });
    expect(up.plan.hosts[0]?.steps.map(({ kind }) => kind)).toEqual([
      "create",
      "start",
      "wait-healthy",
      "route",
      "drain",
      "stop",
      // The same release under another configuration is none to roll back to.
      "remove",
    ]);
    const [after] = await containers();
    expect(after?.Image).toBe(before?.Image);
    expect(after?.Config.Env).toContain("LEVEL=two");
    expect(await page()).toBe("first\n");
  });

  it("one that was taken down comes up again with the release it had", async () => {
    await project.ok("down", "test", "--yes");
    await expect(page()).rejects.toThrow(/ECONNREFUSED/);
    expect(await project.json("up", "test")).toMatchObject({ changed: true });
    expect(await page()).toBe("first\n");
    const { records } = await project.json<{ records: { kind: string; outcome: string }[] }>("history", "test");
    expect(records.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
      "up succeeded",
      "down succeeded",
      "up succeeded",
      "promote succeeded",
    ]);
  });
});
