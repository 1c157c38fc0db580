import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project, runningContainers } from "./project.ts";

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages:
  dev: {}
  test: { hosts: [ssh://test1, ssh://prod1] }`;

describeLab("hooks", () => {
  let lab: Lab;
  let project: Project;
  let folder: string;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections);
    folder = join(project.folder, ".envctl", "hooks");
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 120_000);

  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(join(project.folder, "..", "told"), { force: true });
    mkdirSync(folder, { recursive: true });
  });

  function hook(name: string, script: string, mode = 0o755): void {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), mode);
  }

  /** Hooks write outside the folder that is built. */
  const tell = `echo $ENVCTL_HOOK $ENVCTL_COMMAND \${ENVCTL_STAGE--} $ENVCTL_RELEASE \${ENVCTL_DIGEST--} \${ENVCTL_FROM--} \${ENVCTL_HOSTS--} \${ENVCTL_OUTCOME--} >> ../told`;
  const told = () =>
    readFileSync(join(project.folder, "..", "told"), "utf8")
      .trim()
      .split("\n");
  const ids = async () => (await runningContainers(lab.host("test1").socket, project.name, "test")).map(({ Id }) => Id);

  it("run around a build and around a deployment, each told what it needs", async () => {
    for (const name of ["before-build", "after-build", "before-deploy", "after-deploy", "on-failure"]) hook(name, tell);
    project.page("with hooks");
    const { release } = await project.json<{ release: { name: string; digest: string } }>("up", "dev");
    await project.ok("promote", "test");
    const { name, digest } = release;
    expect(told()).toEqual([
      `before-build up - ${name} - - - -`,
      `after-build up - ${name} ${digest} - - succeeded`,
      `before-deploy up dev ${name} ${digest} - local -`,
      `after-deploy up dev ${name} ${digest} - local succeeded`,
      `before-deploy promote test ${name} ${digest} dev ssh://test1,ssh://prod1 -`,
      `after-deploy promote test ${name} ${digest} dev ssh://test1,ssh://prod1 succeeded`,
    ]);
    // Where nothing changes, nothing is told.
    await project.ok("promote", "test");
    expect(told()).toHaveLength(6);
  });

  it("are not run by --dry-run and --skip-hooks", async () => {
    for (const name of ["before-build", "before-deploy"]) hook(name, "exit 1");
    project.page("without hooks");
    await project.ok("up", "dev", "--dry-run");
    await project.ok("build", "--dry-run");
    await project.ok("build", "--skip-hooks");
    await project.ok("up", "dev", "--skip-hooks");
    await project.ok("promote", "test", "--dry-run");
  });

  it("before-build that writes sources: what is built is what lies there then", async () => {
    hook("before-build", "echo generated > index.html");
    project.page("handmade");
    const first = await project.json<{ built: boolean; release: { digest: string } }>("build");
    const again = await project.json<{ built: boolean; release: { digest: string } }>("build");
    expect([first.built, again.built]).toEqual([true, false]);
    expect(again.release.digest).toBe(first.release.digest);
    project.page("handmade");
    expect(await project.json("build")).toMatchObject({ built: false, release: { digest: first.release.digest } });
  });

  it("before-deploy that fails: exit 1, its words on the screen, no host touched, the lock free", async () => {
    hook("before-deploy", "echo not on a Friday; exit 4");
    hook("on-failure", tell);
    project.page("never on test");
    await project.ok("up", "dev", "--skip-hooks");
    const before = await ids();
    const result = await project.run("promote", "test");
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/hook before-deploy exited with code 4[\s\S]*not on a Friday[\s\S]*nothing was touched/),
    ]);
    expect(await ids()).toEqual(before);
    expect((await project.ok("lock", "test", "--show")).stdout).toMatch(/is not locked/);
    expect(() => told()).toThrow(/ENOENT/);
  });

  it("on-failure is told why, after the lock is free; its own failure changes nothing", async () => {
    hook("on-failure", `echo "$ENVCTL_OUTCOME: $ENVCTL_REASON" >> ../told; exit 9`);
    project.environment(sections.replace("/index.html", "/missing.html, interval: 100ms, retries: 3"));
    const result = await project.run("up", "test");
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/! hook on-failure exited with code 9[\s\S]*did not become healthy/),
    ]);
    expect(told()).toEqual([expect.stringMatching(/^failed: .*did not become healthy/)]);
    project.environment(sections);
  });

  it("that nobody may execute are told before anything is touched", async () => {
    hook("after-deploy", "true", 0o644);
    hook("pre-deploy", "true");
    const before = await ids();
    const result = await project.run("promote", "test");
    expect([result.exitCode, result.stderr]).toEqual([2, expect.stringMatching(/next: +chmod \+x \S+after-deploy/)]);
    expect(await ids()).toEqual(before);
    hook("after-deploy", "true");
    expect((await project.ok("promote", "test")).stderr).toMatch(/pre-deploy never runs/);
  });
});
