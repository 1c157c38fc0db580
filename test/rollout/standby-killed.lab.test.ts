import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { watchGap } from "../bench/gap.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { useLab } from "../lab/lab.ts";
import { cli, WatchedApp } from "./watched-app.ts";

const port = 18_507;
const url = `http://127.0.0.1:${port}/`;

describeLab("a rollback to what stands by that is killed", () => {
  let app: WatchedApp;

  beforeAll(async () => {
    const lab = await useLab();
    await ensureBaseImage("caddy");
    const prod = `{ after: dev, hosts: ["unix://${lab.localSocket}"], ports: ["${port}:8080"], rollout: { keep: 1, strategy: blue-green } }`;
    app = new WatchedApp(lab, { name: `turned${process.pid}`, stages: { dev: "{}", prod } });
    for (const text of ["one", "two"]) {
      app.release(text);
      await app.envctl("up", "dev");
      await app.envctl("promote", "prod");
    }
  }, 180_000);

  afterAll(async () => {
    await app?.remove();
  });

  const serving = async () => /^release (\S+)/.exec(await (await fetch(url)).text())?.[1];
  /** Ends it hard so many milliseconds after it began; resolves to whether that was before its end. */
  const kill = async (args: readonly string[], after: number) => {
    const run = spawn(process.execPath, [cli, ...args], { cwd: app.folder, env: { ...process.env, ...app.env } });
    const ended = once(run, "exit");
    await wait(after);
    run.kill("SIGKILL");
    return (await ended)[1] === "SIGKILL";
  };

  it("serves one of the two at any moment, and the same command goes on to the one that was asked for", async () => {
    const releases = await app.releases("prod");
    expect(releases).toHaveLength(2);
    const watch = watchGap([url]);
    let killed = 0;
    try {
      // Where one run ends, the next begins with the other release: kills come before, in, and after the turn.
      for (let after = 100, at = 1; after <= 500; after += 25, at = 1 - at) {
        const [name = "", text = ""] = [releases[at], ["two", "one"][at]];
        if (await kill(["rollback", "prod", name], after)) killed += 1;
        expect(["one", "two"]).toContain(await serving());
        await app.envctl("rollback", "prod", name);
        expect([after, await serving()]).toEqual([after, text]);
        await app.envctl("status", "prod", "--check");
      }
    } finally {
      await watch.stop();
    }
    expect((await watch.stop()).failed).toBe(0);
    // A machine that is slow is killed early each time, a fast one has done at the end; half is in between for any.
    expect(killed).toBeGreaterThan(5);
    await app.envctl("history", "prod", "--verify");
  });
});
