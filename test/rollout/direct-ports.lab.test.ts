import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { docker, get } from "../promotion/project.ts";
import { Shop } from "./shop.ts";

const fails = `warm: { command: ["false"], when: after-switch }`;
const direct = ", proxy: false";

describeLab("ports that have one owner", () => {
  let shop: Shop;

  beforeAll(async () => {
    await ensureBaseImage("caddy");
    shop = new Shop(await useLab(), 18474, "page");
    expect((await shop.up({ release: "one" })).exitCode).toBe(0);
  }, 180_000);

  const serving = async () =>
    await Promise.all(shop.urls.map(async (url) => /^release (\S+)/.exec((await get(url)).body)?.[1]));
  const proxies = async () =>
    await docker(
      shop.socket("prod1"),
      "ps",
      "-a",
      "--format",
      "{{.Names}}",
      "--filter",
      `name=${shop.project.name}-prod-proxy`,
    );

  it("recreate: the gap is announced, and then it runs", async () => {
    shop.write({ release: "two", rollout: ", strategy: recreate" });
    await shop.project.ok("build");
    expect((await shop.project.ok("plan", "prod")).stdout).toMatch(
      /note: the app is away .*`strategy: recreate` asks for it/,
    );
    expect((await shop.project.run("up", "prod")).exitCode).toBe(0);
    expect(await serving()).toEqual(["two", "two"]);
  });

  it("from the proxy to the app and back again where the rollout fails, and for good where it does not", async () => {
    const failed = await shop.up({ release: "three", stage: direct, tasks: fails });
    expect([failed.exitCode, failed.stderr]).toEqual([1, expect.stringMatching(/prod2 went back to what ran before/)]);
    expect([await serving(), await proxies()]).toEqual([["two", "two"], `${shop.project.name}-prod-proxy`]);
    // Two at once are asked for, and one may be away.
    const done = await shop.up({ stage: direct, rollout: ", batch: 2, max_unavailable: 1" });
    expect(done.exitCode, done.stderr).toBe(0);
    const lines = done.stderr.split("\n");
    const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
    expect(at(/prod2 › stop /)).toBeGreaterThan(at(/prod1 › wait until /));
    expect([await serving(), await proxies()]).toEqual([["three", "three"], ""]);
    expect(await shop.project.json("up", "prod")).toMatchObject({ changed: false });
  });

  it("`on_failure: stop` leaves the hosts that were switched on the new release", async () => {
    const taken = await docker(
      shop.socket("prod2"),
      "run",
      "-d",
      "--network",
      "host",
      "busybox",
      "nc",
      "-l",
      "-p",
      "18475",
    );
    try {
      const rollout = ", on_failure: stop";
      const result = await shop.up({ release: "four", rollout, stage: direct, ports: ["18475:9090"] });
      expect([result.exitCode, result.stderr]).toEqual([1, expect.stringMatching(/prod1 stays on /)]);
      expect(result.stderr).toMatch(/prod2 went back to what ran before/);
      expect(await serving()).toEqual(["four", "three"]);
    } finally {
      await docker(shop.socket("prod2"), "rm", "-f", taken);
    }
    expect((await shop.up({ stage: direct })).exitCode).toBe(0);
    expect(await serving()).toEqual(["four", "four"]);
  });

  it("from the app to the proxy and back again where the rollout fails, and for good where it does not", async () => {
    const failed = await shop.up({ release: "five", tasks: fails });
    expect([failed.exitCode, failed.stderr]).toEqual([1, expect.stringMatching(/prod2 went back to what ran before/)]);
    expect([await serving(), await proxies()]).toEqual([["four", "four"], ""]);
    expect((await shop.up({})).exitCode).toBe(0);
    expect([await serving(), await proxies()]).toEqual([["five", "five"], `${shop.project.name}-prod-proxy`]);
  });
});
