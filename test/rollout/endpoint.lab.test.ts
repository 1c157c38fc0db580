import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { WatchedApp } from "./watched-app.ts";

const ports = { green: 18_581, recreated: 18_582, direct: 18_583 } as const;

/** A release, where it listens, and what the file says of that by then. */
interface Version {
  readonly text: string;
  readonly port: number;
  readonly listens?: number;
  readonly path?: string;
}

const before: Version = { text: "one", port: 8080 };
const next: Version = { text: "two", port: 9090 };

describeLab("releases with a port of their own", () => {
  let lab: Lab;
  let app: WatchedApp;

  const write = ({ text, port, listens = port, path = "/healthz" }: Version) => {
    app.release(text);
    const program = 'WORKDIR /app\nCOPY server.mjs release.txt ./\nCMD ["node", "server.mjs"]\n';
    writeFileSync(join(app.folder, "Dockerfile"), `FROM node:20-slim\nENV PORT=${listens}\n${program}`);
    const host = `after: [], hosts: ["unix://${lab.localSocket}"]`;
    const health = `health: { path: ${path}, interval: 100ms, retries: 40 }`;
    writeFileSync(
      join(app.folder, "envctl.yaml"),
      `name: ${app.name}
image: { repository: ${app.name} }
app: { port: ${port}, ${health}, stop: { grace: 5s } }
stages:
  green: { ${host}, ports: ["${ports.green}:${port}"], rollout: { strategy: blue-green } }
  recreated: { ${host}, ports: ["${ports.recreated}:${port}"], rollout: { strategy: recreate } }
  direct:
    { ${host}, ports: ["${ports.direct}:${port}"], proxy: false, verify: [{ name: who, http: { path: /who } }] }
`,
    );
  };

  const up = async (version: Version, stage: keyof typeof ports) => {
    write(version);
    await app.envctl("up", stage);
  };

  const serves = async (stage: keyof typeof ports) => {
    const answer = await fetch(`http://127.0.0.1:${ports[stage]}/who`);
    return (await answer.text()).split(" ")[0];
  };

  const failure = async (...args: readonly string[]) =>
    await app.envctl(...args).then(
      () => "it did not fail",
      (error: unknown) => String(error),
    );

  beforeAll(async () => {
    lab = await useLab();
    await ensureBaseImage("caddy");
    app = new WatchedApp(lab, { name: `endpoint${process.pid}`, stages: { green: "", recreated: "", direct: "" } });
  });

  afterAll(async () => {
    await app?.remove();
  });

  it("stand by where they listen, and are rolled back to there", async () => {
    await up(before, "green");
    await up(next, "green");
    expect(await serves("green")).toBe("two");
    await app.envctl("status", "green", "--check");
    await app.envctl("rollback", "green");
    expect(await serves("green")).toBe("one");
    expect(await failure("status", "green", "--check")).toMatch(/port should be 9090, is 8080/);
    await app.envctl("up", "green");
    expect(await serves("green")).toBe("two");
    await app.envctl("status", "green", "--check");
  });

  it("come back where they listen when the next one fails", async () => {
    await up(before, "recreated");
    write({ text: "three", port: 9090, listens: 7070 });
    const failed = await failure("up", "recreated");
    expect(failed).toMatch(/ended with 1:/);
    expect(failed).toMatch(/went back to what ran before/);
    expect(await serves("recreated")).toBe("one");
    await up(next, "recreated");
    await app.envctl("rollback", "recreated");
    expect(await serves("recreated")).toBe("one");
  });

  it("do so, too, where no proxy is between, and where the next one is asked for what it does not have", async () => {
    await up(before, "direct");
    write({ ...before, text: "four", path: "/helthz" });
    const failed = await failure("up", "direct");
    expect(failed).toMatch(/ended with 1:/);
    expect(failed).toMatch(/went back to what ran before/);
    expect(await serves("direct")).toBe("one");
    await up(next, "direct");
    expect(await serves("direct")).toBe("two");
    await app.envctl("rollback", "direct");
    expect(await serves("direct")).toBe("one");
  });
});
