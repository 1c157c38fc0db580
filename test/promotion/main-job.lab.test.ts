import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, get, Project, runningContainers } from "./project.ts";

interface Document {
  readonly changed: boolean;
  readonly built: boolean;
  readonly release: { readonly name: string; readonly digest: string };
}

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages:
  dev: { ports: ["127.0.0.1:18471:8080"] }
  test: { hosts: [ssh://test1], ports: ["18471:8080"], env: { LEVEL: test } }
  prod: { hosts: [ssh://prod1, ssh://prod2], ports: ["18471:8080"], env: { LEVEL: prod } }`;

describeLab("the main job", () => {
  let lab: Lab;
  let project: Project;
  let release: Document["release"];

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections);
  });

  it("refuses to promote what has not run before", async () => {
    const result = await project.run("promote", "test");
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toMatch(/no healthy release to promote from dev: nothing runs there/);
    expect(result.stderr).toMatch(/next: {2}envctl up dev/);
  });

  it("builds once and runs in dev what the registry stored", async () => {
    const up = await project.json<Document>("up", "dev");
    release = up.release;
    expect(up).toMatchObject({ changed: true, built: true });
    expect((await get("http://127.0.0.1:18471/index.html")).body).toBe("first\n");
    const [container] = await runningContainers(lab.localSocket, project.name, "dev");
    expect(container?.Config.Image).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+/${project.name}@${release.digest}$`));
  });

  it("writes nothing anywhere when nothing has changed", async () => {
    const before = [await stateOf(lab.localSocket), registryFiles(project)];
    const since = Date.now() / 1000;
    const up = await project.json<Document>("up", "dev");
    expect(up).toMatchObject({ changed: false, built: false, release });
    const events = await docker(
      lab.localSocket,
      "events",
      "--since",
      String(since),
      "--until",
      String(Math.ceil(Date.now() / 1000)),
      "--filter",
      `label=envctl.environment=${project.name}`,
    );
    // The sites of a proxy are read as an archive, which engines tell as an event.
    expect(events.split("\n").filter((line) => line !== "" && !line.includes(" container archive-path "))).toEqual([]);
    expect([await stateOf(lab.localSocket), registryFiles(project)]).toEqual(before);
  });

  it("promotes exactly that digest to test and to both hosts of prod", async () => {
    const test = await project.json<Document>("promote", "test");
    const prod = await project.json<Document>("promote", "prod");
    expect([test.release.digest, prod.release.digest]).toEqual([release.digest, release.digest]);
    const images = await Promise.all(
      [
        ["test", "test1"],
        ["prod", "prod1"],
        ["prod", "prod2"],
      ].map(async ([stage = "", host = ""]) => {
        const { socket, ip } = lab.host(host);
        const [container] = await runningContainers(socket, project.name, stage);
        expect(container?.Config.Image).toMatch(new RegExp(`@${release.digest}$`));
        expect(container?.Config.Env).toContain(`LEVEL=${stage}`);
        expect((await get(`http://${ip}:18471/index.html`)).body).toBe("first\n");
        return container?.Image;
      }),
    );
    const [dev] = await runningContainers(lab.localSocket, project.name, "dev");
    expect(new Set([...images, dev?.Image]).size).toBe(1);
  });

  it("does it again without touching a container", async () => {
    const started = async () =>
      (await runningContainers(lab.host("prod1").socket, project.name, "prod")).map(
        (container) => container.State.StartedAt,
      );
    const before = await started();
    expect(await project.json<Document>("promote", "prod")).toMatchObject({ changed: false });
    expect(await started()).toEqual(before);
  });

  it("shows all of it in the status", async () => {
    const { stages } = await project.json<{
      stages: {
        stage: string;
        verdict: string;
        hosts: { containers: { role: string; digest: string; health: string; drift: unknown[] }[] }[];
      }[];
    }>("status");
    expect(stages.map(({ stage, verdict, hosts }) => [stage, verdict, hosts.length])).toEqual([
      ["dev", "ok", 1],
      ["test", "ok", 1],
      ["prod", "ok", 2],
    ]);
    const containers = stages.flatMap(({ hosts }) => hosts.flatMap((host) => host.containers));
    const apps = containers.filter(({ role }) => role === "app");
    expect(apps).toHaveLength(4);
    for (const app of apps) expect(app).toMatchObject({ digest: release.digest, health: "healthy", drift: [] });
    const proxies = containers.filter(({ role }) => role === "proxy");
    expect(proxies).toHaveLength(4);
    for (const proxy of proxies) expect(proxy).toMatchObject({ state: "running", release: release.name, drift: [] });
  });

  it("rolls a new release out, and prod back and forward, across both hosts", async () => {
    project.page("second");
    const second = (await project.json<Document>("up", "dev")).release;
    expect(second.digest).not.toBe(release.digest);
    const pages = async () =>
      await Promise.all(
        ["test1", "prod1", "prod2"].map(async (host) =>
          (await get(`http://${lab.host(host).ip}:18471/index.html`)).body.trim(),
        ),
      );
    expect(await pages()).toEqual(["first", "first", "first"]);
    await project.ok("promote", "test");
    await project.ok("promote", "prod");
    expect(await pages()).toEqual(["second", "second", "second"]);
    expect(await project.json("rollback", "prod")).toMatchObject({ release: { digest: release.digest } });
    expect(await pages()).toEqual(["second", "first", "first"]);
    expect(await project.json("rollback", "prod", second.name)).toMatchObject({ release: { digest: second.digest } });
    expect(await pages()).toEqual(["second", "second", "second"]);
    const { records } = await project.json<{ records: { kind: string; outcome: string; stage: string }[] }>(
      "history",
      "prod",
    );
    expect(records.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual([
      "rollback succeeded",
      "rollback succeeded",
      "promote succeeded",
      "promote succeeded",
    ]);
  });

  it("finds an image it has built again, and says what each stage runs", async () => {
    project.page("first");
    expect(await project.json("build")).toMatchObject({ built: false, release: { digest: release.digest } });
    const { releases } = await project.json<{ releases: { digest: string; stages: string[] }[] }>("releases");
    expect(releases.map(({ stages }) => stages)).toEqual(expect.arrayContaining([["dev", "test", "prod"], []]));
  });

  it("takes a stage down, and leaves nothing of it", async () => {
    const refused = await project.run("down", "test");
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/next: {2}envctl down test --yes/);
    await project.ok("down", "test", "--volumes", "--yes");
    expect(
      await docker(lab.host("test1").socket, "ps", "-aq", "--filter", `label=envctl.environment=${project.name}`),
    ).toBe("");
    expect(
      await docker(
        lab.host("test1").socket,
        "network",
        "ls",
        "-q",
        "--filter",
        `label=envctl.environment=${project.name}`,
      ),
    ).toBe("");
    expect(
      await docker(
        lab.host("test1").socket,
        "volume",
        "ls",
        "-q",
        "--filter",
        `label=envctl.environment=${project.name}`,
      ),
    ).toBe("");
    await project.ok("prune", "--yes");
    expect(
      await docker(
        lab.host("test1").socket,
        "images",
        "-q",
        "--filter",
        `label=envctl.image.environment=${project.name}`,
      ),
    ).toBe("");
  });
});

async function stateOf(socket: string): Promise<string> {
  return await docker(socket, "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.CreatedAt}}");
}

function registryFiles(project: Project): string[] {
  const folder = project.env.ENVCTL_REGISTRY_DIR ?? "";
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return `${path} ${statSync(path).mtimeMs}`;
  });
}
