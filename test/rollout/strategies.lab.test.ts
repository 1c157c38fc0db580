import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { get } from "../promotion/project.ts";
import type { LoadReport } from "./load/model.ts";
import { formatReport } from "./load.ts";
import { Shop } from "./shop.ts";

/** Nobody noticed anything. */
function expectUnnoticed(report: LoadReport): void {
  expect(report.failed, formatReport(report).join("\n")).toBe(0);
}

function releasesIn(report: LoadReport, url: string): string[] {
  return report.releases.filter((seen) => seen.url === url).map(({ release }) => release);
}

describeLab("a release comes to two hosts, with users on the site", () => {
  let shop: Shop;

  beforeAll(async () => {
    await ensureBaseImage("caddy");
    shop = new Shop(await useLab(), 18470, "app");
    // A first release has nothing to be compared with: there is no canary, and nothing to stand by.
    const first = await shop.up({ release: "one", rollout: ", strategy: canary, canary: { bake: 1h }" });
    expect([first.exitCode, first.stderr]).toEqual([0, expect.not.stringMatching(/watch/)]);
  }, 180_000);

  const serving = async () =>
    await Promise.all(shop.urls.map(async (url) => /^release (\S+)/.exec((await get(url)).body)?.[1]));

  it("rolling: host after host with a pause, all replicas of one at once", async () => {
    const { result, report } = await shop.watched(() =>
      shop.up({ release: "two", rollout: ", batch: 1, pause: 1s", stage: ", replicas: 3" }),
    );
    expect([result.exitCode, result.stderr]).toEqual([0, expect.stringMatching(/✓ switch › pause for 1s/)]);
    expectUnnoticed(report);
    const [first = 0, second = 0] = shop.urls.map(
      (url) => report.releases.find((seen) => seen.url === url && seen.release === "two")?.first,
    );
    expect(second - first).toBeGreaterThan(900);
    expect(Object.keys(await shop.started())).toHaveLength(6);
  });

  it("replicas go and come by `up`, and those that stay are not touched", async () => {
    const three = await shop.started();
    const { report } = await shop.watched(async () => {
      expect((await shop.up({ rollout: ", strategy: recreate" })).exitCode).toBe(0);
      const one = await shop.started();
      expect(Object.keys(one)).toHaveLength(2);
      expect(three).toMatchObject(one);
      expect((await shop.up({ stage: ", replicas: 2" })).exitCode).toBe(0);
      expect(Object.keys(await shop.started())).toHaveLength(4);
      expect(await shop.started()).toMatchObject(one);
    });
    expectUnnoticed(report);
    expect((await shop.up({})).exitCode).toBe(0);
  });

  it("blue-green: all switch once all are healthy, and the old one stands by for a mere switch back", async () => {
    const rollout = ", strategy: blue-green";
    const { report } = await shop.watched(async () => {
      const { exitCode, stderr } = await shop.up({ release: "three", rollout });
      expect(exitCode, stderr).toBe(0);
      const lines = stderr.split("\n").filter((line) => /^✓ switch › (?:make ready on|switch) ssh/.test(line));
      const lastHealthy = lines.findLastIndex((line) => line.includes("› wait until"));
      const firstServed = lines.findIndex((line) => line.includes("› let "));
      expect([lastHealthy >= 0, firstServed > lastHealthy]).toEqual([true, true]);
      expect((await shop.up({ release: "four", rollout })).exitCode).toBe(0);
      const before = await shop.started();
      expect(Object.keys(before).filter((name) => name.includes("prod1"))).toHaveLength(2);
      const { stages } = await shop.project.json<{
        stages: { verdict: string; hosts: { containers: { role: string; standby: boolean }[] }[] }[];
      }>("status", "prod");
      expect(stages[0]?.verdict).toBe("ok");
      expect(stages[0]?.hosts.map(({ containers }) => containers.filter(({ standby }) => standby).length)).toEqual([
        1, 1,
      ]);
      const back = await shop.project.ok("rollback", "prod");
      expect(back.stderr).not.toMatch(/› (?:start|create|pull) /);
      expect(await shop.started()).toEqual(before);
      expect(await serving()).toEqual(["three", "three"]);
    });
    expectUnnoticed(report);
    for (const url of shop.urls) {
      expect(releasesIn(report, url)).toEqual(["two", "three", "four"]);
      const [three, four] = ["three", "four"].map((name) =>
        report.releases.find((seen) => seen.url === url && seen.release === name),
      );
      expect(three?.last).toBeGreaterThan(four?.last ?? Number.POSITIVE_INFINITY);
    }
    const forth = await shop.project.json<{ plan: { hosts: { steps: { kind: string }[] }[] } }>(
      "rollback",
      "prod",
      "--dry-run",
    );
    expect(forth.plan.hosts.map(({ steps }) => steps.map(({ kind }) => kind))).toEqual([
      ["wait-healthy", "route"],
      ["wait-healthy", "route"],
    ]);
    expect((await shop.up({ rollout: "" })).exitCode).toBe(0);
    expect(Object.keys(await shop.started())).toHaveLength(2);
  });

  const canary = (weight: string, bake = "1500ms") =>
    `, strategy: canary, canary: { ${weight}, bake: ${bake}, min_requests: 5, max_error_rate: 5 }`;

  it("canary: its share grows step by step, and then it has them all", async () => {
    const { result, report } = await shop.watched(() =>
      shop.up({ release: "five", rollout: canary("weight: [20, 60]") }),
    );
    expect(result.exitCode, result.stderr).toBe(0);
    expectUnnoticed(report);
    const shares = [
      ...result.stderr.matchAll(/of (\d+) answers were errors, of the old release's 0 of (\d+)[^)]* in 1.5s/g),
    ].map(([, ours, old]) => Number(ours) / (Number(ours) + Number(old)));
    expect(shares).toHaveLength(2);
    expect(shares[0]).toBeGreaterThan(0.1);
    expect(shares[0]).toBeLessThan(0.4);
    expect(shares[1]).toBeGreaterThan(0.4);
    expect(shares[1]).toBeLessThan(0.8);
    expect(await serving()).toEqual(["five", "five"]);
    expect(Object.keys(await shop.started())).toHaveLength(2);
  });

  it.each([
    [
      "answers with errors",
      "ERROR_RATE=1",
      /as a canary: \d+ of \d+ answers were errors, .*, where 5% may be/,
      /^HTTP 500$/,
    ],
    [
      "becomes unhealthy",
      "FAIL_HEALTH_AFTER=2500",
      /as a canary: .* is unhealthy: GET \/healthz answered 500/,
      /^no error$/,
    ],
    [
      "exits",
      "EXIT_AFTER=2500&EXIT_CODE=3",
      // Whoever sees it first: its clients get errors.
      /as a canary: (?:.* is unhealthy: it (?:exited|was restarted)|\d+ of \d+ answers were errors)/,
      /^HTTP 502$/,
    ],
  ])("canary that %s: goes back by itself, with the evidence", async (name, behaviour, why, errors) => {
    const before = await shop.started();
    const { result, report } = await shop.watched(() =>
      shop.up({ release: `bad-${name.replaceAll(" ", "-")}`, behaviour, rollout: canary("weight: 20", "30s") }),
    );
    expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(why)]);
    expect(result.stderr).toMatch(/the last output of .*\n.*release bad-/);
    expect(result.stderr).toMatch(/state: .*prod1.* went back to what ran before/);
    expect(await shop.started()).toEqual(before);
    expect(await serving()).toEqual(["five", "five"]);
    for (const { code } of Object.values(report.kinds).flatMap((kind) => kind.errors)) expect(code).toMatch(errors);
    const last = Math.max(0, ...report.releases.filter(({ release }) => release === "five").map((seen) => seen.last));
    expect(last).toBeGreaterThan(report.duration - 2000);
  });

  it("canary by hosts: Ctrl-C while it is watched goes back", async () => {
    const before = await shop.started();
    shop.write({ release: "six", rollout: canary("hosts: 1", "60s") });
    const { result, report } = await shop.watched(() =>
      shop.interrupt("SIGINT", /watch ssh:\/\/prod1: [1-9]\d*%, \d+s left: 0 of [1-9]\d* answers/, "up", "prod"),
    );
    expect([result.exitCode, result.stderr]).toEqual([130, expect.stringMatching(/state: .*prod1 went back/)]);
    expectUnnoticed(report);
    expect(releasesIn(report, shop.urls[0] ?? "")).toEqual(expect.arrayContaining(["five", "six"]));
    expect(releasesIn(report, shop.urls[1] ?? "")).toEqual(["five"]);
    expect(await shop.started()).toEqual(before);
  });

  it("canary: killed while it is watched, the same command watches again and goes on", async () => {
    shop.write({ release: "six", rollout: canary("weight: 20") });
    const { report } = await shop.watched(async () => {
      await shop.interrupt("SIGKILL", /watch for 1.5s: \d+%, \d+/, "up", "prod");
      const again = await shop.project.run("up", "prod");
      expect([again.exitCode, again.stderr]).toEqual([
        0,
        expect.stringMatching(/20% of the requests › watch for 1.5s \(0 of [1-9]/),
      ]);
    });
    expectUnnoticed(report);
    expect(await serving()).toEqual(["six", "six"]);
    expect(Object.keys(await shop.started())).toHaveLength(2);
    expect(await shop.containers("prod1")).toBe(2);
    expect(await shop.project.json("up", "prod")).toMatchObject({ changed: false });
  });
});
