import { execa } from "execa";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

const sections = `app: { port: 8080, health: { path: /index.html }, volumes: ["data:/data"], stop: { grace: 1s } }
tasks: { migrate: { command: [sleep, "0.3"], when: before-switch } }
stages:
  dev: {}
  test: { hosts: [ssh://test1], ports: ["18481:8080"] }`;

/** Each step of a promotion, as its beginning shows in the progress. */
const moments: [string, RegExp][] = [
  ["finding the release", /· find the release/],
  ["connecting", /· connect to test/],
  ["preparing", /· prepare › ssh:\/\/test1$/m],
  ["pulling", /· prepare › ssh:\/\/test1 › pull/],
  ["the task", /· task migrate/],
  ["creating", /· switch › ssh:\/\/test1 › create/],
  ["starting", /· switch › ssh:\/\/test1 › start/],
  ["waiting", /· switch › ssh:\/\/test1 › wait/],
  ["routing", /· switch › ssh:\/\/test1 › let \S+-proxy serve/],
  ["draining", /· switch › ssh:\/\/test1 › let \S+ end its requests/],
  ["stopping", /· switch › ssh:\/\/test1 › stop/],
  ["tidying", /· tidy up/],
  ["recording", /· record/],
];

describeLab("envctl killed in the middle of a promotion", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections);
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 120_000);

  it.each(moments)("%s: the same command finishes the work, and dev is untouched", async (name, moment) => {
    project.page(name);
    const { release } = await project.json<{ release: { digest: string } }>("up", "dev");
    const dev = async () =>
      (await runningContainers(lab.localSocket, project.name, "dev")).map(({ Id, State }) => [Id, State.StartedAt]);
    const before = await dev();
    expect(await project.runAndKill(["promote", "test"], moment)).toBe(true);
    await project.ok("promote", "test");
    expect(await dev()).toEqual(before);
    const running = await runningContainers(lab.host("test1").socket, project.name, "test");
    expect(running.map(({ Config }) => Config.Labels["envctl.digest"])).toEqual([release.digest]);
    const left = (...args: string[]) =>
      docker(lab.host("test1").socket, ...args, "--filter", `label=envctl.environment=${project.name}`);
    expect(await left("volume", "ls", "-q", "--filter", "label=envctl.role=lock")).toBe("");
    expect(await left("ps", "-aq", "--filter", "label=envctl.role=task")).toBe("");
    expect(await project.json("promote", "test")).toMatchObject({ changed: false });
    const processes = await execa("pgrep", ["-f", `ssh .*${lab.sshConfig}`], { reject: false });
    expect(processes.stdout).toBe("");
  });
});
