import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project } from "./project.ts";

const app = "app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s }, env: { QUEUE: jobs } }";
const stages = `stages:
  dev: {}
  prod: { hosts: [ssh://prod1, ssh://prod2], env: { QUEUE: orders }, rollout: { keep: 1 } }`;
const loop = "echo $NAME works on $QUEUE; while true; do sleep 1; done";
const workers = (mail = loop, more = "") => `workers:
  mail: { command: [sh, -c, "${mail}"], env: { NAME: mail }, replicas: 2, stop: { signal: SIGKILL } }
  cron: { command: [sh, -c, "${loop}"], env: { NAME: cron }, hosts: first, stages: [prod], stop: { signal: SIGKILL } }${more}`;

/** Several programs of one image: what others call roles, or process types. */
describeLab("workers", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    // The image's own check is about the app: no worker answers it.
    project.write(
      "Dockerfile",
      'FROM busybox\nCOPY index.html /www/\nSTOPSIGNAL SIGKILL\nHEALTHCHECK --interval=1s --retries=1 CMD wget -q -O- http://127.0.0.1:8080/\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n',
    );
    project.environment(`${app}\n${workers()}\n${stages}`);
    await project.ok("up", "dev");
    await project.ok("promote", "prod");
  }, 120_000);

  /** `mail 0a1b2c3 running`, of each host. */
  const found = async (...filters: string[]) => {
    const format = '{{.Label "envctl.workload"}} {{.Label "envctl.release"}} {{.State}}';
    const label = [`label=envctl.environment=${project.name}`, "label=envctl.stage=prod"];
    const list = [...label, ...filters].flatMap((filter) => ["--filter", filter]);
    return await Promise.all(
      ["prod1", "prod2"].map(async (host) =>
        (await docker(lab.host(host).socket, "ps", "-a", "--format", format, ...list)).split("\n").sort(),
      ),
    );
  };
  const working = () => found("label=envctl.role=worker", "status=running");
  const release = async () =>
    (await project.json<{ release: { name: string } }>("promote", "prod", "--dry-run")).release.name;

  it("run the release on every host, or on the first alone, with what the app is given", async () => {
    const name = await release();
    const mail = [`mail ${name} running`, `mail ${name} running`];
    expect(await working()).toEqual([[`cron ${name} running`, ...mail], mail]);
    expect((await project.ok("logs", "prod", "cron")).stdout).toBe("cron works on orders");
    expect((await project.ok("logs", "prod", "mail")).stdout.match(/mail works on orders/g)).toHaveLength(4);
    expect((await project.ok("logs", "dev", "mail")).stdout).toMatch(/mail works on jobs/);
    const status = await project.ok("status", "prod");
    expect(status.stdout.match(/ mail +/g)).toHaveLength(4);
    expect(await project.json("promote", "prod")).toMatchObject({ changed: false });
  });

  it("come with a release, and go back with it", async () => {
    const before = await release();
    project.page("second");
    await project.ok("up", "dev");
    await project.ok("promote", "prod");
    const after = await release();
    expect(after).not.toBe(before);
    expect((await working()).flat().every((line) => line.includes(after))).toBe(true);
    expect(await working()).toEqual([expect.objectContaining({ length: 3 }), expect.objectContaining({ length: 2 })]);
    await project.ok("rollback", "prod");
    expect((await working()).flat().every((line) => line.includes(before))).toBe(true);
    await project.ok("rollback", "prod", after);
    expect((await working()).flat().every((line) => line.includes(after))).toBe(true);
  });

  it("one that cannot run keeps the old release everywhere, and its last words are on the screen", async () => {
    const before = await found("status=running");
    project.environment(`${app}\n${workers("echo no queue; exit 4")}\n${stages}`);
    const result = await project.run("up", "prod");
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(/mail.*exit.* 4[\s\S]*no queue/)]);
    expect(await found("status=running")).toEqual(before);
    expect(await found("status=created")).toEqual([[""], [""]]);
  });

  it("removed from the file leave no orphan", async () => {
    project.environment(`${app}\n${stages}`);
    await project.ok("up", "prod");
    expect(await found("label=envctl.role=worker")).toEqual([[""], [""]]);
    expect((await found("status=running")).map((lines) => lines.length)).toEqual([1, 1]);
  });
});
