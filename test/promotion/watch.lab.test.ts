import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { cli, Project } from "./project.ts";

interface Event {
  readonly stage: string;
  readonly state: string;
  readonly what: string;
  readonly again: boolean;
}

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages:
  dev: { auto: { branch: main }, rollout: { timeout: 5s } }
  test: { auto: true, hosts: [ssh://test1] }
  prod: { auto: { tags: "v*" }, hosts: [ssh://prod1] }`;

describeLab("a promoter", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections);
    await git("init", "--quiet", "--initial-branch", "main");
    await execa("git", ["init", "--quiet", "--bare", remote()]);
    await git("remote", "add", "origin", remote());
    writeFileSync(join(project.folder, ".gitignore"), ".envctl/secrets*\n");
    await commit("one");
  }, 60_000);

  const remote = () => join(project.folder, "..", "remote.git");
  const git = async (...words: string[]) =>
    await execa("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...words], { cwd: project.folder });

  async function commit(page: string): Promise<void> {
    project.page(page);
    await git("add", "--all");
    await git("commit", "--quiet", "--message", page);
    await git("push", "--quiet", "--tags", "origin", "main");
  }

  const once = async () => {
    const { stdout, exitCode } = await project.run("watch", "--once", "--json");
    const events = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Event);
    return { exitCode, states: Object.fromEntries(events.map(({ stage, state }) => [stage, state])), events };
  };

  describe("that looks once", () => {
    it("builds what the branch has, whatever lies in the folder, and promotes it as far as it may go", async () => {
      // What is not in the commit is not in the release.
      project.page("not yet");
      const { states, events, exitCode } = await once();
      expect([exitCode, states], JSON.stringify(events)).toEqual([
        0,
        { dev: "released", test: "released", prod: "waiting" },
      ]);
      expect(events[2]?.what).toContain("has no tag v*");
      const releases = JSON.parse((await project.run("releases", "--json")).stdout).releases as { dirty: boolean }[];
      expect(releases.map(({ dirty }) => dirty)).toEqual([false]);
      expect((await git("worktree", "list")).stdout.split("\n")).toHaveLength(1);
    });

    it("promotes what a tag marks, and then there is nothing to do", async () => {
      await git("tag", "v1.0.0");
      await git("push", "--quiet", "--tags", "origin");
      expect((await once()).states).toEqual({ dev: "done", test: "done", prod: "released" });
      expect((await once()).states).toEqual({ dev: "done", test: "done", prod: "done" });
    });

    it("never brings back what somebody took back", async () => {
      await commit("two");
      expect((await once()).states).toEqual({ dev: "released", test: "released", prod: "waiting" });
      expect((await project.run("rollback", "test")).exitCode).toBe(0);
      expect((await once()).states).toMatchObject({ dev: "done", test: "held" });
    });
  });

  describe("that runs on", () => {
    it("goes on through a broken release, a mistake in the environment file, and a host that is away", async () => {
      const child = execa(process.execPath, [cli, "watch", "--json", "--interval", "500ms"], {
        cwd: project.folder,
        env: project.env,
        reject: false,
      });
      const events: Event[] = [];
      child.stdout.on("data", (chunk: Buffer) => {
        for (const line of chunk.toString().split("\n")) if (line !== "") events.push(JSON.parse(line) as Event);
      });
      const until = async (matches: (event: Event) => boolean) => {
        const from = events.length;
        const end = Date.now() + 60_000;
        while (!events.slice(from).some(matches)) {
          if (Date.now() > end) throw new Error(`not seen: ${JSON.stringify(events.slice(from))}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const file = join(project.folder, "Dockerfile");
      const good = readFileSync(file, "utf8");
      const failed = until(({ stage, state, again }) => stage === "dev" && state === "failed" && !again);
      writeFileSync(file, `${good}\nCMD ["false"]\n`);
      await commit("broken");
      await failed;
      const wrong = until(({ state, what }) => state === "failed" && what.includes("mistake"));
      project.write("envctl.yaml", "name: [");
      await wrong;
      await lab.cut("test1");
      project.environment(sections);
      const away = until(({ stage, state, again }) => stage === "test" && state === "failed" && again);
      writeFileSync(file, good);
      await commit("three");
      await away;
      const back = until(({ stage, state }) => stage === "test" && state === "released");
      await lab.heal("test1");
      await back;
      child.kill("SIGINT");
      expect((await child).exitCode).toBe(130);
    }, 180_000);
  });
});
