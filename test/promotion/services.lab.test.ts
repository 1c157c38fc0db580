import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project, runningContainers } from "./project.ts";

interface Diff {
  readonly comparisons: readonly [
    {
      readonly differences: readonly { readonly section: string; readonly what: string; left: string; right: string }[];
      readonly layers: { readonly shared: readonly object[]; readonly added: readonly object[] };
    },
  ];
}

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s }, env: { COLOUR: blue } }
services:
  cache: { image: "redis:7", volumes: [cache:/var/lib/redis], health: { command: [redis-cli, ping] }, stop: { grace: 2s } }
  later: { image: busybox, command: [sleep, "1000"], stages: [test], stop: { grace: 1s } }
tasks:
  count: { command: [sh, -c, "echo counting; seq 3; echo $COLOUR"] }
  fail: { command: [sh, -c, "echo no good; exit 4"] }
stages:
  dev: {}
  test: { hosts: [ssh://test1], env: { COLOUR: green } }`;

describeLab("services, tasks and what runs", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("redis");
    project = new Project(lab);
    project.environment(sections);
    await project.ok("up", "dev");
  }, 180_000);

  it("runs a service beside the app, healthy, by its name on the stage's network", async () => {
    const containers = await runningContainers(lab.localSocket, project.name, "dev");
    expect(containers.map(({ Config }) => Config.Labels["envctl.workload"]).sort()).toEqual(["app", "cache"]);
    const { stdout } = await project.ok("exec", "dev", "--", "sh", "-c", "echo PING | nc cache 6379");
    expect(stdout.trim()).toBe("+PONG");
  });

  it("pins it in envctl.lock, and runs that digest in every stage whatever became of the tag", async () => {
    const lock = readFileSync(join(project.folder, "envctl.lock"), "utf8");
    const digest = /cache:\n {4}image: redis:7\n {4}digest: (sha256:[0-9a-f]{64})/.exec(lock)?.[1];
    expect(digest).toBeDefined();
    const result = await project.ok("promote", "test");
    expect(result.stderr).toMatch(/pin busybox/);
    const cache = (await runningContainers(lab.host("test1").socket, project.name, "test")).find(
      ({ Config }) => Config.Labels["envctl.workload"] === "cache",
    );
    expect(cache?.Config.Image).toBe(`docker.io/library/redis@${digest}`);
  });

  it("refuses a lock file that was tampered with", async () => {
    const file = join(project.folder, "envctl.lock");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, good.replace(/sha256:[0-9a-f]{10}/, "sha256:nonsense"));
    const result = await project.run("up", "dev");
    expect([result.exitCode, result.stderr]).toEqual([
      2,
      expect.stringMatching(/envctl\.lock cannot be read: the entry of service/),
    ]);
    writeFileSync(file, good);
  });

  it("keeps a service that did not change when the app does", async () => {
    const id = async () =>
      (await runningContainers(lab.localSocket, project.name, "dev")).find(
        ({ Config }) => Config.Labels["envctl.workload"] === "cache",
      )?.Id;
    const before = await id();
    project.page("another");
    await project.ok("up", "dev");
    expect(await id()).toBe(before);
  });

  it("runs a task with the stage's configuration, and leaves no container of it", async () => {
    const result = await project.ok("run", "count", "--stage", "test");
    expect(result.stderr).toMatch(/counting[\s\S]*1[\s\S]*2[\s\S]*3[\s\S]*green/);
    expect(await project.json("run", "count", "--dry-run")).toMatchObject({ dryRun: true, task: "count" });
    // Often: whether a short task's failure is seen must not depend on who is quicker.
    for (let time = 0; time < 5; time += 1) {
      const failed = await project.run("run", "fail");
      expect(failed.exitCode).toBe(1);
      expect(failed.stderr).toMatch(/task fail exited with code 4[\s\S]*no good/);
    }
    const command = await project.ok("run", "--stage", "test", "--", "sh", "-c", "echo by hand");
    expect(command.stderr).toMatch(/by hand/);
    // One word after `--` is a command, whatever tasks there are; without `--`, a misspelt task is never a command.
    expect((await project.ok("run", "--stage", "test", "--", "hostname")).stderr).toMatch(/│ [0-9a-f]{12}\n/);
    for (const words of [["cuont"], ["cuont", "more"]]) {
      const mistaken = await project.run("run", ...words);
      expect([mistaken.exitCode, mistaken.stderr]).toEqual([
        2,
        expect.stringMatching(/did you mean "count"\?[\s\S]*a command goes after --: envctl run -- cuont/),
      ]);
    }
    const containers = await project.json<{ stages: { hosts: { containers: unknown[] }[] }[] }>("status");
    expect(containers.stages.flatMap(({ hosts }) => hosts.map((host) => host.containers.length))).toEqual([2, 3]);
  });

  it("gives a command's exit code back, and takes its input", async () => {
    expect((await project.run("exec", "dev", "--", "sh", "-c", "exit 7")).exitCode).toBe(7);
    expect((await project.run("exec", "dev", "--service", "cahce", "--", "true")).stderr).toMatch(
      /did you mean "cache"\?/,
    );
    expect(await project.run("exec", "test", "--service", "later", "--", "hostname")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
  });

  it("shows logs of one workload or all, as lines or JSON", async () => {
    const { lines } = await project.json<{ lines: { text: string; host: string }[] }>("logs", "dev", "cache");
    expect(lines.map(({ text }) => text).join("\n")).toMatch(/Ready to accept connections|ready/i);
    const all = await project.ok("logs", "test", "--all", "--tail", "5", "--timestamps");
    expect(all.stdout).toMatch(/ssh:\/\/test1 \S+-cache-\S+ │ \d{4}-\d\d-\d\dT/);
  });

  it("goes back to the service that ran where the new one does not start", async () => {
    const caches = async () =>
      (await runningContainers(lab.localSocket, project.name, "dev"))
        .filter(({ Config }) => Config.Labels["envctl.workload"] === "cache")
        .map(({ Id }) => Id);
    const before = await caches();
    project.environment(sections.replace('"redis:7",', '"redis:7", command: [redis-server, --nonsense],'));
    const result = await project.run("up", "dev");
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/cache-\S+ did not become healthy[\s\S]*state: +local went back to what ran before/),
    ]);
    expect(await caches()).toEqual(before);
    project.environment(sections);
    expect((await project.ok("up", "dev", "--dry-run")).stdout).toMatch(/nothing to do/);
  });

  it("removes a service that the file no longer names, and keeps its data", async () => {
    project.environment(sections.replace(/ {2}later:.*\n/, ""));
    const dry = await project.ok("up", "test", "--dry-run");
    expect(dry.stdout).toMatch(/remove \S+-later-\S+ \(no longer in the environment file\)/);
    await project.ok("up", "test");
    const names = (await runningContainers(lab.host("test1").socket, project.name, "test")).map(
      ({ Config }) => Config.Labels["envctl.workload"],
    );
    expect(names.sort()).toEqual(["app", "cache"]);
  });

  it("says how two stages differ", async () => {
    const { comparisons } = await project.json<Diff>("diff", "dev", "test");
    const [{ differences, layers }] = comparisons;
    expect(differences).toContainEqual({
      section: "environment",
      what: "app.env.COLOUR",
      left: "blue",
      right: "green",
    });
    expect(differences.map(({ what }) => what)).toContain("digest");
    expect(layers.shared).not.toEqual([]);
    expect(layers.added).toEqual([
      { digest: expect.stringMatching(/^sha256:/), size: expect.any(Number), instruction: "COPY index.html /www/" },
    ]);
    expect(await project.json<Diff>("diff", "test")).toMatchObject({ comparisons });
    const shown = await project.run("diff", "test", "--exit-code");
    expect([shown.exitCode, shown.stdout]).toEqual([
      1,
      expect.stringMatching(/commits between: not known; .*without git/),
    ]);
    const first = await project.run("diff", "dev");
    expect([first.exitCode, first.stderr]).toEqual([2, expect.stringMatching(/envctl diff dev test/)]);
  });

  it("examines everything, and says what is wrong", async () => {
    const good = await project.json<{ findings: { what: string; verdict: string }[] }>("doctor");
    expect(good.findings.filter(({ verdict }) => verdict === "failed")).toEqual([]);
    project.environment(`${sections}\n  far: { hosts: ["ssh://nowhere.invalid"], secrets: [NO_SUCH_SECRET] }`);
    const bad = await project.run("doctor");
    expect(bad.exitCode).toBe(1);
    expect(bad.stdout).toMatch(/✗ host ssh:\/\/nowhere\.invalid: /);
    expect(bad.stdout).toMatch(/✗ secrets of far: .*NO_SUCH_SECRET/);
  });
});
