import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "./project.ts";

const port = 18_491;
const stages = `stages:
  dev: {}
  test: { hosts: [ssh://test1] }
  prod: { hosts: [ssh://prod1, ssh://prod2], ports: ["${port}:8080"], proxy: false, secrets: [TOKEN] }`;
const healthy =
  "app: { port: 8080, health: { path: /index.html, interval: 200ms, retries: 100 }, stop: { grace: 1s } }";

interface Status {
  readonly stages: {
    readonly stage: string;
    readonly verdict: string;
    readonly hosts: {
      readonly host: string;
      readonly reachable: boolean;
      readonly reason?: string;
      readonly containers: { readonly drift: { readonly what: string }[]; readonly state: string }[];
    }[];
  }[];
}

describeLab("trouble", () => {
  let lab: Lab;
  let project: Project;

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(`${healthy}\n${stages}`);
    project.env.TOKEN = "s3cret-value-1";
    await project.ok("up", "dev");
    await project.ok("promote", "test");
    await project.ok("promote", "prod");
  }, 120_000);

  const pages = async () =>
    await Promise.all(
      ["prod1", "prod2"].map(async (host) => (await get(`http://${lab.host(host).ip}:${port}/index.html`)).body.trim()),
    );

  it("an image that never becomes healthy: every host keeps the old one, and its last words are on the screen", async () => {
    project.write(
      "Dockerfile",
      'FROM busybox\nRUN mkdir /www && echo broken > /www/other.html\nCMD ["sh", "-c", "echo I shall fail; exec httpd -f -p 8080 -h /www"]\n',
    );
    project.environment(`app: { port: 8080, health: false, stop: { grace: 1s } }\n${stages}`);
    await project.ok("up", "dev");
    await project.ok("promote", "test");
    project.environment(`${healthy.replace("retries: 100", "retries: 5")}\n${stages}`);
    // What runs in test is asked by the check it was made with, which is none: prod is the first to try it.
    const promotion = await project.run("promote", "prod");
    expect([promotion.exitCode, promotion.stderr]).toEqual([
      1,
      expect.stringMatching(
        /did not become healthy: within 1s: GET \/index.html answered 404[\s\S]*went back to what ran/,
      ),
    ]);
    expect(await pages()).toEqual(["first", "first"]);
    const result = await project.run("up", "test");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/did not become healthy: within 1s: GET \/index.html answered 404/);
    expect(result.stderr).toMatch(/its last output:[\s\S]*I shall fail/);
    expect(result.stderr).toMatch(/nothing was stopped, and what was started is gone again/);
    expect(await pages()).toEqual(["first", "first"]);
    const { records } = await project.json<{ records: { outcome: string; reason: string }[] }>(
      "history",
      "test",
      "--limit",
      "1",
    );
    expect(records[0]).toMatchObject({ outcome: "failed", reason: expect.stringMatching(/did not become healthy/) });
  });

  it("an image that exits: said at once, with its exit code", async () => {
    project.write("Dockerfile", 'FROM busybox\nCMD ["sh", "-c", "echo no configuration; exit 3"]\n');
    // Patience for more than three minutes, none of which is of use to a program that has ended.
    project.environment(`${healthy.replace("retries: 100", "retries: 1000")}\n${stages}`);
    const begun = Date.now();
    const result = await project.run("up", "dev");
    expect([result.exitCode, result.stderr]).toEqual([
      1,
      expect.stringMatching(/it exited .*with code 3[\s\S]*no configuration/),
    ]);
    expect(Date.now() - begun).toBeLessThan(60_000);
  });

  it("a second host that fails: the first goes back too, and the error names port and host", async () => {
    project.write(
      "Dockerfile",
      'FROM busybox\nCOPY index.html /www/\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n',
    );
    project.page("second");
    project.environment(`${healthy}\n${stages}`);
    await project.ok("up", "dev");
    await project.ok("promote", "test");
    const socket = lab.host("prod2").socket;
    const [old] = await runningContainers(socket, project.name, "prod");
    await docker(socket, "stop", "-t", "0", old?.Id ?? "");
    await docker(socket, "pull", "busybox");
    const squatter = await docker(
      socket,
      "run",
      "-d",
      "-p",
      `${port}:1`,
      "--label",
      `envctl.environment=${project.name}`,
      "--label",
      "envctl.stage=none",
      "busybox",
      "sleep",
      "1000",
    );
    const result = await project.run("promote", "prod");
    expect(result.exitCode).toBe(7);
    expect(result.stderr).toMatch(new RegExp(`${port}`));
    expect(result.stderr).toMatch(/ssh:\/\/prod2/);
    expect((await get(`http://${lab.host("prod1").ip}:${port}/index.html`)).body.trim()).toBe("first");
    await docker(socket, "rm", "-f", squatter);
    await project.ok("promote", "prod");
    expect(await pages()).toEqual(["second", "second"]);
  });

  it("a host out of reach: exit 5 before anything is touched, and the same command works once it is back", async () => {
    project.page("third");
    await project.ok("up", "dev");
    await project.ok("promote", "test");
    await lab.cut("prod2");
    try {
      const status = await project.json<Status>("status", "--host-timeout", "2s");
      expect(
        status.stages.flatMap(({ hosts }) => hosts.map(({ host, reachable, reason }) => [host, reason ?? reachable])),
      ).toEqual([
        ["local", true],
        ["ssh://test1", true],
        ["ssh://prod1", true],
        ["ssh://prod2", "no answer within 2s"],
      ]);
      expect((await project.run("status", "--check", "--host-timeout", "2s")).exitCode).toBe(5);
      const result = await project.run("promote", "prod");
      expect(result.exitCode).toBe(5);
      expect(result.stderr).toMatch(/prod2/);
      expect(result.stderr).toMatch(/next:/);
    } finally {
      await lab.heal("prod2");
    }
    expect(await pages()).toEqual(["second", "second"]);
    await project.ok("promote", "prod");
    expect(await pages()).toEqual(["third", "third"]);
  });

  it("a registry that says nothing: the status tells what runs, and waits no longer than for a host", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    try {
      const { port: registry } = silent.address() as AddressInfo;
      const other = new Project(lab, project.name);
      other.write(
        "envctl.yaml",
        `name: ${other.name}\nimage: { repository: "127.0.0.1:${registry}/shop" }\n${healthy}\nstages: { test: { hosts: [ssh://test1] } }\n`,
      );
      const status = await other.ok("status", "--host-timeout", "4s");
      expect(status.stdout).toMatch(/test +ssh:\/\/test1 +app +\S+ +[0-9a-f]{12} +healthy/);
      expect(status.stderr).toMatch(/the history of test cannot be read: no answer within 4s/);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it("a container that was stopped, changed or removed by hand: the status says what, and up mends it", async () => {
    const socket = lab.host("prod1").socket;
    const drift = async () =>
      (await project.json<Status>("status", "prod")).stages[0]?.hosts[0]?.containers.flatMap((container) =>
        container.drift.map(({ what }) => what),
      );
    const id = async () => (await runningContainers(socket, project.name, "prod"))[0]?.Id ?? "";
    await docker(socket, "update", "--memory", "64m", "--memory-swap", "64m", await id());
    expect(await drift()).toEqual(["memory"]);
    expect((await project.run("status", "--check")).exitCode).toBe(1);
    await project.ok("up", "prod");
    expect(await drift()).toEqual([]);
    const labels = [`environment=${project.name}`, "stage=prod", "role=app", "workload=app"];
    const extra = labels.flatMap((label) => ["--label", `envctl.${label}`]);
    const stranger = await docker(socket, "run", "-d", "--stop-signal", "KILL", ...extra, "busybox", "sleep", "1000");
    expect(await drift()).toEqual(["container"]);
    expect((await project.run("status", "prod", "--check")).exitCode).toBe(1);
    await project.ok("up", "prod");
    expect(await docker(socket, "ps", "-aq", "--no-trunc", "--filter", `id=${stranger}`)).toBe("");
    await project.ok("status", "--check");
    await docker(socket, "stop", "-t", "0", await id());
    expect(await drift()).toEqual(["state"]);
    await project.ok("up", "prod");
    expect(await drift()).toEqual([]);
    await docker(socket, "rm", "-f", await id());
    expect(await drift()).toEqual(["container"]);
    await project.ok("up", "prod");
    expect(await pages()).toEqual(["third", "third"]);
  });

  it("a container that somebody replaced by hand: what is other than it was is named, whatever its labels say", async () => {
    const socket = lab.host("test1").socket;
    const drift = async () =>
      (await project.json<Status>("status", "test")).stages[0]?.hosts[0]?.containers.flatMap((container) =>
        container.drift.map(({ what }) => what),
      );
    /** Takes the place of the app's container, with all its labels but what `change` makes of them. */
    const replace = async (change: { label?: [string, string]; options?: string[]; image?: string }) => {
      const [app] = await runningContainers(socket, project.name, "test");
      if (!app) throw new Error("nothing runs");
      const inspected = JSON.parse(await docker(socket, "inspect", app.Id)) as [
        {
          readonly Name: string;
          readonly Config: { readonly Image: string; readonly Env: string[]; readonly Labels: Record<string, string> };
          readonly HostConfig: { readonly NetworkMode: string };
        },
      ];
      const { Name, Config, HostConfig } = inspected[0];
      const labels = { ...Config.Labels, ...(change.label ? Object.fromEntries([change.label]) : {}) };
      await docker(socket, "rm", "-f", app.Id);
      const words = [
        ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
        ...Config.Env.flatMap((variable) => ["--env", variable]),
      ];
      const network = ["--network", HostConfig.NetworkMode, "--restart", "unless-stopped", "--name", Name.slice(1)];
      const image = change.image ?? Config.Image;
      const command = change.image === undefined ? [] : ["sleep", "1000"];
      await docker(socket, "run", "-d", ...network, ...words, ...(change.options ?? []), image, ...command);
    };
    const cases = [
      { change: { image: "busybox" }, what: "image" },
      { change: { options: ["--env", "ADDED=by hand"] }, what: "env ADDED" },
      { change: { options: ["--publish", "127.0.0.1:18777:8080"] }, what: "ports" },
      { change: { label: ["envctl.config-hash", "0000"] as [string, string] }, what: "configuration" },
      {
        change: { label: ["envctl.digest", `sha256:${"0".repeat(64)}`] as [string, string] },
        what: "label envctl.digest",
      },
    ];
    for (const { change, what } of cases) {
      await replace(change);
      expect([what, await drift()]).toEqual([what, expect.arrayContaining([what])]);
      expect([what, (await project.run("status", "test", "--check")).exitCode]).toEqual([what, 1]);
      await project.ok("up", "test");
      expect([what, await drift()]).toEqual([what, []]);
    }
  }, 120_000);

  it("a locked stage: exit 4 with who and why, until it is unlocked", async () => {
    await project.ok("lock", "prod", "-m", "sale until six");
    project.env.TOKEN = "s3cret-value-2";
    const result = await project.run("up", "prod");
    expect([result.exitCode, result.stderr]).toEqual([
      4,
      expect.stringMatching(/prod is locked by \S+ on \S+ since .*: sale until six/),
    ]);
    expect((await project.ok("lock", "prod", "--show")).stdout).toMatch(/sale until six/);
    expect((await project.run("unlock", "prod")).exitCode).toBe(2);
    await project.ok("unlock", "prod", "--yes");
    await project.ok("up", "prod");
  });

  it("two at once: both end well, or one is told that the other is at it", async () => {
    project.env.TOKEN = "s3cret-value-3";
    const results = await Promise.all([project.run("up", "prod"), project.run("up", "prod")]);
    expect(
      results
        .map(({ exitCode }) => exitCode)
        .sort()
        .join(),
    ).toMatch(/^0,(?:0|4)$/);
    const running = await runningContainers(lab.host("prod1").socket, project.name, "prod");
    expect(running).toHaveLength(1);
    expect(running[0]?.Config.Env).toContain("TOKEN=s3cret-value-3");
  });

  it("a secret is in the container's environment and nowhere else", async () => {
    const texts: string[] = [];
    project.env.TOKEN = "s3cret-value-4";
    for (const args of [
      ["plan", "prod"],
      ["up", "prod", "--verbose"],
      ["status", "--verbose"],
      ["config", "prod"],
      ["history"],
      ["diff", "test", "prod"],
      ["up", "prod", "--dry-run", "--json"],
      ["status", "--json"],
    ]) {
      const result = await project.run(...args);
      texts.push(result.stdout, result.stderr);
    }
    const [container] = await runningContainers(lab.host("prod1").socket, project.name, "prod");
    expect(container?.Config.Env).toContain("TOKEN=s3cret-value-4");
    texts.push(
      JSON.stringify(container?.Config.Labels),
      await docker(lab.host("prod1").socket, "history", "--no-trunc", container?.Image ?? ""),
    );
    expect(texts.join("\n")).not.toContain("s3cret");
    delete project.env.TOKEN;
    const missing = await project.run("up", "prod");
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringMatching(/TOKEN/)]);
    mkdirSync(join(project.folder, ".envctl"));
    writeFileSync(join(project.folder, ".envctl/secrets.prod.env"), "TOKEN=s3cret-value-4\n", { mode: 0o600 });
    expect(await project.json("up", "prod")).toMatchObject({ changed: false });
  });
});
