import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { watchGap } from "../bench/gap.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker } from "../promotion/project.ts";
import { WatchedApp } from "./watched-app.ts";

const port = 18_508;
const url = `http://127.0.0.1:${port}/`;

describeLab("a release that fails under blue-green", () => {
  let lab: Lab;
  let app: WatchedApp;

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("caddy");
    const prod = `{ hosts: ["unix://${lab.localSocket}"], ports: ["${port}:8080"], rollout: { keep: 1, strategy: blue-green } }`;
    app = new WatchedApp(lab, { name: `failed${process.pid}`, stages: { prod } });
  });

  afterAll(async () => {
    await app?.remove();
  });

  const inState = async (state: string) => {
    const labels = ["--filter", `label=envctl.environment=${app.name}`, "--filter", "label=envctl.role=app"];
    const format = ["--format", "{{.ID}} {{.Status}}"];
    const found = await docker(lab.localSocket, "ps", "-a", "--no-trunc", ...labels, ...format);
    const ids = found.split("\n").filter((line) => line.includes(state));
    return ids.map((line) => line.split(" ")[0] ?? "").sort();
  };

  it("leaves what serves as it was, and what stands by, too, though that was about to end", async () => {
    for (const text of ["one", "two"]) {
      app.release(text);
      await app.envctl("up", "prod");
    }
    const both = await inState("Up");
    expect(both).toHaveLength(2);
    writeFileSync(join(app.folder, "Dockerfile"), 'FROM node:20-slim\nCMD ["node", "-e", "process.exit(7)"]\n');
    const watch = watchGap([url]);
    const failure = await app.envctl("up", "prod").then(
      () => "",
      (error: unknown) => String(error),
    );
    const { failed } = await watch.stop();
    expect(failure).toMatch(/did not become healthy: it exited/);
    expect(failure).toMatch(/stop \S+-1\b/);
    expect(failed).toBe(0);
    expect(await (await fetch(url)).text()).toMatch(/^release two/);
    expect(await inState("Up")).toEqual(both);
    expect(await inState("Exited")).toEqual([]);
    await app.envctl("rollback", "prod");
    expect(await (await fetch(url)).text()).toMatch(/^release one/);
    await app.envctl("status", "prod", "--check");
  });
});
