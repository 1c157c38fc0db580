import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker } from "../promotion/project.ts";
import { Shop } from "./shop.ts";

const run = (script: string) => `command: [sh, -c, ${JSON.stringify(script)}]`;
const before = `look: { ${run("echo before: $$(cat /www/release.txt)")}, when: before-build }`;
const unit = (script: string, more = "") => `unit: { ${run(script)}, when: after-build${more} }`;
const fine = "echo unit: token of $${#TOKEN} in $$LOG_FORMAT";
const app = ", secrets: [TOKEN], env: { LOG_FORMAT: json }";

describeLab("tasks around builds and switches", () => {
  let shop: Shop;
  let lab: Lab;
  const secret = "correct-horse-battery";

  beforeAll(async () => {
    await ensureBaseImage("caddy");
    lab = await useLab();
    shop = new Shop(lab, 18472, "page");
    shop.project.env.TOKEN = secret;
  }, 180_000);

  const leftovers = async () =>
    await docker(lab.localSocket, "ps", "-aq", "--filter", `label=envctl.environment=${shop.project.name}`);
  const wouldBuild = async () => (await shop.project.json<{ wouldBuild: boolean }>("build", "--dry-run")).wouldBuild;

  it("after-build runs in the image that was built, before-build in the one before, which a first build has not", async () => {
    const first = await shop.up({ release: "one", app, tasks: `${before}, ${unit(fine)}` });
    expect([first.exitCode, first.stderr]).toEqual([
      0,
      expect.stringMatching(/task look \(skipped: nothing was built before\)/),
    ]);
    expect(first.stderr).toMatch(/│ unit: token of 21 in json\n[\s\S]*✓ push to/);
    const again = await shop.up({ app, tasks: `${before}, ${unit(fine)}` });
    expect([again.exitCode, again.stderr]).toEqual([0, expect.not.stringMatching(/task (?:look|unit)/)]);
    expect(`${first.stdout}${first.stderr}`).not.toContain(secret);
  });

  it.each([
    ["fails", unit("echo 2 of 7 tests failed; exit 4"), /task unit exited with code 4[\s\S]*2 of 7 tests failed/],
    ["takes too long", unit("sleep 60", ", timeout: 2s"), /task unit was not done within 2s/],
  ])("after-build that %s: nothing is pushed, and it does not count as built", async (name, task, why) => {
    const running = await shop.started();
    const result = await shop.up({ release: `bad-${name.replaceAll(" ", "-")}`, app, tasks: `${before}, ${task}` });
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(why)]);
    expect(result.stderr).toMatch(/│ before: one/);
    expect(result.stderr).toMatch(/state: +the image was not pushed and does not count as built/);
    expect(result.stderr).not.toMatch(/push to/);
    expect(await wouldBuild()).toBe(true);
    expect(await shop.started()).toEqual(running);
    expect(await leftovers()).toBe("");
  });

  it("before-build that fails: nothing is built", async () => {
    const tasks = `check: { ${run("exit 1")}, when: before-build }`;
    const result = await shop.up({ release: "three", app, tasks });
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(/state: +nothing was built/)]);
    expect(result.stderr).not.toMatch(/· build/);
    expect(await leftovers()).toBe("");
  });

  it("before-switch runs once for all hosts, and where it fails nothing is switched", async () => {
    const running = await shop.started();
    const migrate = (script: string) => `migrate: { ${run(script)}, when: before-switch }`;
    const bad = await shop.up({
      release: "four",
      app,
      tasks: migrate("echo no such column; exit 1"),
    });
    expect([bad.exitCode, bad.stderr]).toEqual([1, expect.stringMatching(/task migrate exited with code 1/)]);
    expect(bad.stderr).toMatch(/state: +nothing was switched/);
    expect(bad.stderr.match(/│ no such column/g)).toHaveLength(1);
    expect(await shop.started()).toEqual(running);
    const good = await shop.up({ app, tasks: migrate("echo migrated") });
    expect([good.exitCode, good.stderr.match(/│ migrated/g)]).toEqual([0, ["│ migrated"]]);
  });

  const warm = (script: string) => `warm: { ${run(script)}, when: after-switch }`;

  it("after-switch that fails goes back on all hosts, and nobody notices", async () => {
    const running = await shop.started();
    const { result, report } = await shop.watched(() =>
      shop.up({ release: "five", app, tasks: warm("echo cold; exit 9") }),
    );
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/task warm exited with code 9[\s\S]*cold/),
    ]);
    expect(result.stderr).toMatch(
      /state: +ssh:\/\/prod1 went back to what ran before; ssh:\/\/prod2 went back to what ran before/,
    );
    expect(report.failed).toBe(0);
    // What was stopped runs again, by the same name.
    expect(Object.keys(await shop.started())).toEqual(Object.keys(running));
  });

  it("after-switch that a killed command did not get to run is run by the next", async () => {
    shop.write({ app, tasks: warm("sleep 1.5; echo warm") });
    await shop.interrupt("SIGKILL", /· switch › task warm/, "up", "prod");
    expect((await shop.project.ok("plan", "prod")).stdout).toMatch(/once, after the last switch: run task warm/);
    const again = await shop.project.ok("up", "prod");
    expect(again.stderr).toMatch(/│ warm/);
    expect(await shop.project.json("up", "prod")).toMatchObject({ changed: false });
    for (const host of ["prod1", "prod2"] as const) {
      const tasks = await docker(shop.socket(host), "ps", "-aq", "--filter", "label=envctl.role=task");
      expect(tasks).toBe("");
    }
  });
});
