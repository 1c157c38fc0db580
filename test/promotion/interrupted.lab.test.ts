import { execa } from "execa";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { cli, docker, Project, runningContainers } from "./project.ts";

const stages = `stages: { dev: {}, test: { hosts: [ssh://test1, ssh://prod1], ports: ["18495:8080"], rollout: { timeout: 1m } } }`;
const healthy = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 2s } }\n${stages}`;
/** The page is missing: `wait` goes on for as long as nobody interrupts it. */
const waits = `app: { port: 8080, env: { NEW: "1" }, health: { path: /missing.html, interval: 200ms, retries: 300 }, stop: { grace: 2s } }\n${stages}`;

describeLab("Ctrl-C", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(healthy);
    await project.ok("up", "dev");
    await project.ok("promote", "test");
  }, 120_000);

  beforeEach(() => project.environment(healthy));

  const socket = () => lab.host("test1").socket;
  const running = async () => (await runningContainers(socket(), project.name, "test")).map(({ Id }) => Id);
  const locks = () =>
    docker(
      socket(),
      "volume",
      "ls",
      "-q",
      "--filter",
      `label=envctl.environment=${project.name}`,
      "--filter",
      "label=envctl.role=lock",
    );

  async function sshProcesses(): Promise<string> {
    return (await execa("pgrep", ["-af", `ssh .*${lab.sshConfig}`], { reject: false })).stdout;
  }

  /** Starts the tool without a terminal, and interrupts it once for each of these lines as they appear. */
  async function interrupt(args: readonly string[], ...moments: readonly RegExp[]) {
    const child = execa(process.execPath, [cli, ...args, "--verbose"], {
      cwd: project.folder,
      env: project.env,
      reject: false,
      stdin: "ignore",
    });
    let seen = "";
    let interruptedAt = 0;
    const left = [...moments];
    child.stderr.on("data", (chunk: Buffer) => {
      seen += chunk.toString("utf8");
      const [next] = left;
      if (!next?.test(seen)) return;
      left.shift();
      interruptedAt = performance.now();
      child.kill("SIGINT");
    });
    const { exitCode, stderr } = await child;
    return { exitCode, stderr, took: performance.now() - interruptedAt };
  }

  it("once while waiting: goes back, lets the lock go, exit 130, and no ssh is left", async () => {
    const before = await running();
    project.environment(waits);
    const result = await interrupt(["up", "test"], /· switch › ssh:\/\/test1 › wait/);
    expect(result.stderr).toMatch(/interrupted: putting things in order/);
    expect(result.stderr).toMatch(
      /state: .*ssh:\/\/test1 runs what it ran: nothing was stopped, and what was started is gone again/,
    );
    expect(result.exitCode).toBe(130);
    expect(await running()).toEqual(before);
    expect(await locks()).toBe("");
    await expect.poll(sshProcesses, { timeout: 15_000 }).toBe("");
    expect((await project.json<{ records: unknown[] }>("history", "test", "--limit", "1")).records[0]).toMatchObject({
      outcome: "failed",
    });
  });

  it("twice: leaves at once, says what is so, and the same command goes on from there", async () => {
    const before = await running();
    project.environment(waits);
    const result = await interrupt(
      ["up", "test"],
      /· switch › ssh:\/\/test1 › wait/,
      /· switch › go back › ssh:\/\/test1/,
    );
    expect(result.exitCode).toBe(130);
    expect(result.took).toBeLessThan(1000);
    expect(result.stderr).toMatch(/left at once: what was under way is neither finished nor undone\n/);
    expect(result.stderr).toMatch(/the lock of test: still held; the next command on this machine takes it over/);
    expect(result.stderr).toMatch(/next: +run the same command again.*envctl status/);
    expect(await locks()).not.toBe("");
    // What ends the shared connections is a process of its own.
    await expect.poll(sshProcesses, { timeout: 15_000 }).toBe("");
    expect((await project.ok("lock", "test", "--show")).stdout).toMatch(/is not locked/);
    project.environment(healthy);
    await project.ok("up", "test");
    expect(await locks()).toBe("");
    expect(await running()).toHaveLength(before.length);
    expect(await project.json("up", "test")).toMatchObject({ changed: false });
  });

  it("while waiting for a lock: exit 130, and the lock is whose it was", async () => {
    await project.ok("lock", "test", "-m", "sale");
    project.environment(waits);
    const result = await interrupt(["up", "test", "--wait"], /locked by .*: sale/);
    expect([result.exitCode, result.stderr]).toEqual([130, expect.stringMatching(/✗ interrupted/)]);
    expect(result.took).toBeLessThan(2000);
    expect((await project.ok("lock", "test", "--show")).stdout).toMatch(/sale/);
    await project.ok("unlock", "test", "--yes");
    await expect.poll(sshProcesses, { timeout: 15_000 }).toBe("");
  });

  it("at the first steps: nothing is switched, and it says so", async () => {
    const before = await running();
    project.environment(waits);
    const result = await interrupt(["up", "test"], /· switch › ssh:\/\/test1 › /);
    expect([result.exitCode, result.stderr]).toEqual([
      130,
      expect.stringMatching(/state: .*(?:nothing was stopped|went back to what ran before)/),
    ]);
    expect(await running()).toEqual(before);
    expect(await locks()).toBe("");
  });
});
