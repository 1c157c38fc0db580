import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

interface Plan {
  readonly saved: string | null;
  readonly plan: {
    readonly hooks: readonly string[];
    readonly notice: { readonly noticed: boolean; readonly sentence: string };
    readonly hosts: readonly { readonly changes: readonly string[]; readonly steps: readonly unknown[] }[];
  };
}

const sections = (level: string) => `app: { port: 8080, health: { tcp: true, interval: 100ms }, stop: { grace: 1s } }
proxy: { driver: caddy }
stages:
  dev: { proxy: false }
  test: { hosts: [ssh://test1], proxy: false, ports: ["18481:8080"], secrets: [KEY], env: { LEVEL: ${level} } }`;

describeLab("a plan that is kept", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.env.KEY = "s3cret-one";
    project.environment(sections("info"));
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 60_000);

  const refused = async (...args: string[]) => {
    const { exitCode, stderr } = await project.run(...args);
    return `${exitCode} ${stderr}`;
  };
  const running = async () => {
    const [container] = await runningContainers(lab.host("test1").socket, project.name, "test");
    return container?.Config.Labels["envctl.release"];
  };

  it("is carried out as it was shown, once", async () => {
    project.page("second");
    const up = await project.json<{ release: { name: string } }>("up", "dev");
    const shown = await project.json<Plan>("plan", "test", "--out", "plan.json");
    expect(shown.saved).toBe("plan.json");
    expect(shown.plan.notice).toMatchObject({
      noticed: true,
      sentence: expect.stringMatching(/^users notice a gap of about 100ms .* on ssh:\/\/test1, because they share/),
    });
    expect(shown.plan.hosts[0]?.changes).toEqual([expect.stringMatching(`^app: release \\S+ → ${up.release.name}$`)]);
    const file = join(project.folder, "plan.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toMatch(/s3cret/);
    expect(await project.json("promote", "test", "--plan", "plan.json")).toMatchObject({ changed: true });
    expect(await running()).toBe(up.release.name);
    expect(await refused("promote", "test", "--plan", "plan.json")).toMatch(
      /^3 [\s\S]*is out of date[\s\S]*the stage has changed since: record 2, promote of/,
    );
  });

  it("is refused where anything it follows from is another by now, and nothing is touched", async () => {
    project.page("third");
    await project.ok("up", "dev");
    await project.ok("plan", "test", "--out", "plan.json");
    const before = await running();
    project.environment(sections("debug"));
    project.env.KEY = "s3cret-two";
    const hooks = join(project.folder, ".envctl/hooks");
    mkdirSync(hooks, { recursive: true });
    writeFileSync(join(hooks, "before-deploy"), "#!/bin/sh\ntouch touched\n");
    chmodSync(join(hooks, "before-deploy"), 0o755);
    const moved = await refused("promote", "test", "--plan", "plan.json");
    expect(moved).toMatch(/^3 [\s\S]*app\.env\.LEVEL was info, and is debug/);
    expect(moved).toMatch(/the secret KEY has another value/);
    expect(moved).toMatch(/hook before-deploy is new/);
    expect(moved).not.toMatch(/s3cret/);
    expect(await refused("promote", "test", "--plan", "plan.json", "--skip-hooks")).not.toMatch(/hook before-deploy/);
    expect((await project.json<Plan>("plan", "test")).plan.hooks).toEqual(["before-deploy"]);
    project.environment(sections("info"));
    project.env.KEY = "s3cret-one";
    chmodSync(join(hooks, "before-deploy"), 0o755);
    project.page("fourth");
    await project.ok("up", "dev", "--skip-hooks");
    expect(await refused("promote", "test", "--plan", "plan.json", "--skip-hooks")).toMatch(
      /^3 [\s\S]*│ dev runs \S+ now\n/,
    );
    expect(() => statSync(join(project.folder, "touched"))).toThrow();
    expect(await running()).toBe(before);
  });

  it("is looked at again once the stage is ours alone", async () => {
    await project.ok("plan", "test", "--skip-hooks", "--out", "plan.json");
    await project.ok("lock", "test");
    const args = ["promote", "test", "--plan", "plan.json", "--skip-hooks", "--wait=30s"];
    const { socket } = lab.host("test1");
    const result = await project.runUntil(args, /locked by/, async () => {
      const [container] = await runningContainers(socket, project.name, "test");
      await docker(socket, "rm", "-f", container?.Id ?? "");
      await project.ok("unlock", "test", "--yes");
    });
    expect([result.exitCode, result.stderr]).toEqual([
      3,
      expect.stringMatching(/ssh:\/\/test1: no longer to do: stop /),
    ]);
    expect((await project.json<{ records: unknown[] }>("history", "test")).records).toHaveLength(2);
    await project.ok("up", "test", "--skip-hooks");
  });

  it("of sources that are others by now is not carried out by building them", async () => {
    await project.ok("build", "--skip-hooks");
    expect(await refused("plan", "dev", "--out", "dev.json")).toMatch(/^2 [\s\S]*would be one of the sources/);
    await project.ok("plan", "dev", "--out", "../dev.json", "--skip-hooks");
    project.page("fifth");
    const up = ["up", "dev", "--plan", "../dev.json", "--skip-hooks"];
    expect(await refused(...up)).toMatch(/^3 [\s\S]*yet to be built/);
    expect(await refused("plan", "dev", "--out", "../other.json")).toMatch(/^1 [\s\S]*a plan is about a digest/);
    project.page("fourth");
    expect(await project.json(...up)).toMatchObject({ built: false });
  });

  it("of a rollback goes back, and is no plan of anything else", async () => {
    await project.ok("plan", "test", "--for", "rollback", "--out", "back.json", "--skip-hooks");
    expect(await refused("promote", "test", "--plan", "back.json")).toMatch(
      /^2 [\s\S]*it is a plan for envctl rollback test/,
    );
    const twice = await refused("rollback", "test", "one", "--plan", "back.json");
    expect(twice).toMatch(/^2 [\s\S]*says already which release/);
    const result = await project.json("rollback", "test", "--plan", "back.json", "--skip-hooks");
    expect(result).toMatchObject({ changed: true });
  });
});
