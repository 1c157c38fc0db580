import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { startEmbeddedRegistry } from "../../src/registry/embedded/server.ts";
import { openRegistry } from "../../src/registry/open.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { docker, Project, runningContainers } from "./project.ts";

const sections = `app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }
stages:
  dev: {}
  test: { hosts: [ssh://test1] }
  prod: { hosts: [ssh://prod1] }`;

interface Built {
  readonly release: { readonly name: string; readonly digest: `sha256:${string}`; readonly fingerprint: string };
}

describeLab("identity", () => {
  let lab: Lab;
  let project: Project;
  let release: Built["release"];

  beforeAll(async () => {
    lab = await useLab();
    project = new Project(lab);
    project.environment(sections);
    release = (await project.json<Built>("up", "dev")).release;
  }, 120_000);

  const digests = async (host: string, stage: string) =>
    (await runningContainers(lab.host(host).socket, project.name, stage)).map(
      ({ Config }) => Config.Image.split("@")[1],
    );

  it("runs what was built, though somebody moved every tag", async () => {
    project.page("the impostor");
    const impostor = (await project.json<Built>("build")).release;
    expect(impostor.digest).not.toBe(release.digest);
    const embedded = await startEmbeddedRegistry({ directory: project.env.ENVCTL_REGISTRY_DIR ?? "", port: 0 });
    const registry = openRegistry(embedded.host, { credentials: async () => undefined, variables: {} });
    const manifest = await registry.manifest(project.name, impostor.digest);
    for (const tag of [release.name, `fp-${release.fingerprint.slice(0, 32)}`, "dev", "test"])
      await registry.putManifest(project.name, tag, manifest!);
    registry.close();
    await embedded.close();
    await project.ok("promote", "test");
    expect(await digests("test1", "test")).toEqual([release.digest]);
    project.page("first");
    // And a build does not take the moved tag's word for what it is.
    expect(await project.json("build")).toMatchObject({ built: true });
  });

  it("refuses to promote a container that is not what its label says (exit 6), and changes nothing", async () => {
    const socket = lab.host("test1").socket;
    const [real] = await runningContainers(socket, project.name, "test");
    await docker(socket, "rm", "-f", real?.Id ?? "");
    await docker(socket, "pull", "busybox");
    const labels = Object.entries(real?.Config.Labels ?? {}).flatMap(([name, value]) => [
      "--label",
      `${name}=${value}`,
    ]);
    await docker(
      socket,
      "run",
      "-d",
      "--name",
      real?.Name.slice(1) ?? "",
      "--network",
      `${project.name}-test`,
      ...labels,
      "busybox",
      "sleep",
      "1000",
    );
    const result = await project.run("promote", "prod");
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toMatch(/is labelled as [0-9a-f]{12}, but runs another image: sha256:/);
    expect(result.stderr).toMatch(/nothing was promoted/);
    expect(await digests("prod1", "prod")).toEqual([]);
    const status = await project.ok("status", "test");
    expect(status.stdout).toMatch(new RegExp(`image should be ${release.digest}, is sha256:`));
    await project.ok("up", "test");
    expect(await digests("test1", "test")).toEqual([release.digest]);
    await project.ok("promote", "prod");
    expect(await digests("prod1", "prod")).toEqual([release.digest]);
  });

  it("notices content that was damaged in the registry, and leaves the old release running", async () => {
    project.page("to be damaged");
    const damaged = (await project.json<Built>("up", "dev")).release;
    const blobs = join(project.env.ENVCTL_REGISTRY_DIR ?? "", "blobs/sha256");
    const hex = damaged.digest.slice("sha256:".length);
    const file = join(blobs, hex.slice(0, 2), hex);
    expect(readdirSync(blobs)).toContain(hex.slice(0, 2));
    writeFileSync(file, "{}");
    const result = await project.run("promote", "test");
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toMatch(/content is not what its digest says/);
    expect(await digests("test1", "test")).toEqual([release.digest]);
    truncateSync(file);
    expect((await project.run("promote", "test")).exitCode).toBe(6);
    expect(await digests("test1", "test")).toEqual([release.digest]);
  });

  it("says what to do when the release is gone from the registry", async () => {
    project.page("to be deleted");
    const gone = (await project.json<Built>("up", "dev")).release;
    const embedded = await startEmbeddedRegistry({ directory: project.env.ENVCTL_REGISTRY_DIR ?? "", port: 0 });
    const registry = openRegistry(embedded.host, { credentials: async () => undefined, variables: {} });
    await registry.deleteManifest(project.name, gone.digest);
    registry.close();
    await embedded.close();
    const result = await project.run("promote", "test");
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/the repository does not have|built on another machine/);
    expect(await digests("test1", "test")).toEqual([release.digest]);
  });
});
