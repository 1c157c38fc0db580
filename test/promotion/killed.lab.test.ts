import { execa } from "execa";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

const sections = `app: { port: 8080, health: { path: /index.html }, volumes: ["data:/data"], stop: { grace: 1s } }
tasks: { migrate: { command: [sleep, "0.3"], when: before-switch } }
stages:
  dev: {}
  test: { hosts: [ssh://test1, ssh://prod1], ports: ["18481:8080"], repository: live/killed }`;

/** Steps of a promotion, as their beginning shows in the progress. `npm run faults` kills it at every one of its steps. */
const fewMoments: [string, RegExp][] = [
  ["copying it to the stage's repository", /· bring it to the stage's repository/],
  ["draining", /· switch › ssh:\/\/test1 › let \S+ end its requests/],
];
const moreMoments: [string, RegExp][] = [
  ["finding the release", /· find the release/],
  ["pulling", /· prepare › ssh:\/\/test1 › pull/],
  ["the task", /· task migrate/],
  ["starting", /· switch › ssh:\/\/test1 › start/],
  ["routing on the second host", /· switch › ssh:\/\/prod1 › let \S+-proxy serve/],
  ["tidying", /· tidy up/],
  ["recording", /· record/],
];

/** Steps of a stage's first promotion alone. */
const firstMoments: [string, RegExp][] = [
  ["making the proxy", /· prepare › ssh:\/\/prod1 › start proxy/],
  ["making a volume", /· prepare › ssh:\/\/prod1 › make volume/],
];

const all = process.env.ENVCTL_TESTS === "all";
const moments = all ? [...fewMoments, ...moreMoments] : fewMoments;
const firstTime = all ? firstMoments : firstMoments.slice(0, 1);

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

  it.each(moments)("%s: the same command finishes the work, and dev is untouched", killAndRepeat);

  it.each(firstTime)("for the first time, %s: the same holds", async (name, moment) => {
    await project.ok("down", "test", "--volumes", "--yes");
    await killAndRepeat(`first ${name}`, moment);
  });

  async function killAndRepeat(name: string, moment: RegExp): Promise<void> {
    project.page(name);
    const { release } = await project.json<{ release: { digest: string } }>("up", "dev");
    const dev = async () =>
      (await runningContainers(lab.localSocket, project.name, "dev")).map(({ Id, State }) => [Id, State.StartedAt]);
    const before = await dev();
    expect(await project.runAndKill(["promote", "test"], moment)).toBe(true);
    await project.ok("promote", "test");
    expect(await dev()).toEqual(before);
    for (const host of ["test1", "prod1"]) {
      const { socket } = lab.host(host);
      const running = await runningContainers(socket, project.name, "test");
      expect(running.map(({ Config }) => Config.Labels["envctl.digest"])).toEqual([release.digest]);
      const left = (...args: string[]) =>
        docker(socket, ...args, "--filter", `label=envctl.environment=${project.name}`);
      expect(await left("volume", "ls", "-q", "--filter", "label=envctl.role=lock")).toBe("");
      expect(await left("ps", "-aq", "--filter", "label=envctl.role=task")).toBe("");
    }
    expect(await project.json("promote", "test")).toMatchObject({ changed: false });
    const processes = async () => (await execa("pgrep", ["-af", `ssh .*${lab.sshConfig}`], { reject: false })).stdout;
    await expect.poll(processes, { timeout: 15_000 }).toBe("");
  }
});
