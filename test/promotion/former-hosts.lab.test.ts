import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

const port = 18_561;

/** Its hosts change with the years: what ran where it runs no more is told of until somebody took it down. */
describeLab("a host that was taken out of a stage", () => {
  let lab: Lab;
  let project: Project;
  const environment = (...hosts: string[]) =>
    project.environment(`app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
workers: { queue: { command: [sh, -c, "trap exit TERM; while :; do sleep 1; done"] } }
stages:
  dev: { hosts: [ssh://prod1] }
  test: { hosts: [${hosts.join(", ")}], ports: ["${port}:8080"] }`);
  const note = (host: string) =>
    `${host} no longer belongs to test, and nobody took down what ran there: envctl down test --host ${host}`;
  const leftLocally = async () => (await runningContainers(lab.localSocket, project.name, "test")).length;
  const told = async () => {
    const { stages } = await project.json<{ stages: { verdict: string; formerHosts: string[] }[] }>("status", "test");
    const { plan } = await project.json<{ plan: { formerHosts: string[]; notes: string[] } }>("plan", "test");
    expect(plan.formerHosts).toEqual(stages[0]?.formerHosts);
    return plan;
  };

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    environment("ssh://test1", "local");
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 200_000);

  it("is told of by plan, up and status, with the command that takes down what ran there", async () => {
    environment("ssh://test1");
    expect(await told()).toMatchObject({ formerHosts: ["local"], notes: [note("local")] });
    expect((await project.ok("plan", "test")).stdout).toContain(`  note: ${note("local")}`);
    expect((await project.ok("status")).stdout).toContain(`! ${note("local")}`);
    const up = await project.ok("up", "test");
    expect([up.stderr, up.stdout]).toEqual([
      expect.stringContaining(note("local")),
      expect.stringMatching(/nothing to do/),
    ]);
    expect(await leftLocally()).toBe(2);
  });

  it("is told of after another release, too", async () => {
    project.page("second");
    await project.ok("up", "dev");
    expect((await project.ok("promote", "test")).stderr).toContain(note("local"));
    expect(await told()).toMatchObject({ formerHosts: ["local"] });
  });

  it("is not told of where it only has another name, and then nothing is taken down", async () => {
    environment("ssh://root@test1", `"unix://${lab.localSocket}"`);
    expect((await told()).formerHosts).toEqual([]);
    const down = await project.json<{ former: unknown }>("down", "test", "--host", "local", "--yes");
    expect(down.former).toEqual({ host: "local", gone: false, sameAs: `unix://${lab.localSocket}` });
    expect(await leftLocally()).toBe(2);
  });

  it("is not taken down while the stage has it", async () => {
    const { exitCode, stderr } = await project.run("down", "test", "--host", "root@test1", "--yes");
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/ssh:\/\/root@test1 still belongs to test/)]);
  });

  it("is empty once it was taken down, and told of no more", async () => {
    environment("ssh://test1", "local");
    project.page("third");
    await project.ok("up", "dev");
    await project.ok("promote", "test");
    environment("ssh://test1");
    expect((await told()).formerHosts).toEqual(["local"]);
    const down = await project.ok("down", "test", "--host", "local", "--yes");
    expect(down.stdout).toMatch(/^local: removed .*network /);
    for (const kind of [
      ["ps", "-aq"],
      ["network", "ls", "-q"],
    ]) {
      expect(await docker(lab.localSocket, ...kind, "--filter", `label=envctl.environment=${project.name}`)).toBe("");
    }
    expect(await told()).toMatchObject({ formerHosts: [], notes: [] });
    const { stages } = await project.json<{ stages: { verdict: string }[] }>("status", "test");
    expect(stages[0]?.verdict).toBe("ok");
    expect((await project.json<{ records: unknown[] }>("history", "test")).records[0]).toMatchObject({
      kind: "down",
      former: true,
      hosts: ["local"],
    });
    await project.ok("history", "--verify");
  }, 240_000);

  it("is told of no more either where prune took it down, because another stage has it", async () => {
    environment("ssh://test1", "ssh://prod1");
    await project.ok("up", "test");
    environment("ssh://test1");
    expect((await told()).formerHosts).toEqual(["ssh://prod1"]);
    expect((await project.ok("prune", "--yes")).stdout).toMatch(/ssh:\/\/prod1: removed .*-test-app-/);
    expect((await told()).formerHosts).toEqual([]);
  });

  it("may be gone for good: then it is not asked", async () => {
    environment("ssh://test1", "ssh://prod2");
    await project.ok("up", "test");
    environment("ssh://test1");
    await lab.cut("prod2");
    try {
      expect((await told()).formerHosts).toEqual(["ssh://prod2"]);
      const { exitCode, stderr } = await project.run("down", "test", "--host", "ssh://prod2", "--yes");
      expect([exitCode, stderr]).toEqual([
        5,
        expect.stringMatching(/next: {2}envctl down test --host ssh:\/\/prod2 --gone/),
      ]);
      await project.ok("down", "test", "--host", "ssh://prod2", "--gone", "--yes");
      expect((await told()).formerHosts).toEqual([]);
    } finally {
      await lab.heal("prod2");
    }
  });
});
