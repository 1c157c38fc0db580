import { beforeAll, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Progress } from "../../src/base/progress.ts";
import type { Context } from "../../src/cli/verb.ts";
import { withStage } from "../../src/cli/workspace.ts";
import { formatMarker, markerPath } from "../../src/dev/synced-marker.ts";
import { devStage } from "../../src/environment/dev-stage.ts";
import { bringUp } from "../../src/promotion/up.ts";
import { Situation } from "../../src/rollout/situation.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { Project, runningContainers } from "./project.ts";

interface Status {
  readonly stages: {
    readonly verdict: string;
    readonly hosts: { readonly containers: { readonly dev: { readonly summary: string } | null }[] }[];
  }[];
}

describeLab("what runs for development", () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await useLab();
  }, 120_000);

  /** As `envctl dev` starts the app; then files are changed in it as its sync leaves them. */
  async function runDev(project: Project, changed: readonly string[]): Promise<void> {
    await withStage(contextIn(project), "dev", async (workspace, stage) => {
      await bringUp(workspace, devStage(workspace.environment, stage), {
        release: undefined,
        force: false,
        dryRun: false,
      });
      const [address] = stage.hosts;
      const engine = address && (await workspace.connections.engine(address));
      const [container] = await runningContainers(lab.localSocket, project.name, "dev");
      if (!engine || !container) throw new Error("nothing runs");
      if (changed.length === 0) return;
      await engine.writeFiles(container.Id, [{ path: markerPath, content: formatMarker({ changed, removed: [] }) }]);
    });
  }

  it("is never promoted with files that no image holds, and gives way to the release", async () => {
    const project = new Project(lab);
    project.environment(
      `app: { port: 8080, health: { path: / }, stop: { grace: 1s } }\nstages:\n  dev: {}\n  test: { hosts: [${lab.hosts.test1?.address}] }`,
    );
    await project.ok("up", "dev");
    await runDev(project, ["/www/a.html", "/www/index.html"]);
    const refused = await project.run("promote", "test");
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/dev is not what its image holds: dev \+ 2 changed files/);
    expect(refused.stderr).toMatch(/\/www\/a\.html/);
    expect(refused.stderr).toMatch(/next: .*envctl up dev/);
    expect(await runningContainers(lab.hosts.test1?.socket ?? "", project.name, "test")).toEqual([]);

    const { stages } = await project.json<Status>("status", "dev");
    expect(stages[0]?.verdict).toBe("dev");
    expect(stages[0]?.hosts[0]?.containers[0]?.dev?.summary).toBe("dev + 2 changed files");
    expect((await project.ok("status", "dev")).stdout).toMatch(/dev \+ 2 changed files \(\/www\/a\.html, /);

    const [before] = await runningContainers(lab.localSocket, project.name, "dev");
    expect(await project.json("up", "dev")).toMatchObject({ changed: true });
    const [after] = await runningContainers(lab.localSocket, project.name, "dev");
    expect(after?.Id).not.toBe(before?.Id);
    expect(after?.Image).toBe(before?.Image);
    expect(await project.json("promote", "test")).toMatchObject({ changed: true });
    expect((await project.json<Status>("status", "dev")).stages[0]?.verdict).toBe("ok");
  });

  it("with other settings is not promoted either, and its run counts for nothing in the history", async () => {
    const project = new Project(lab);
    project.environment(
      `app: { port: 8080, health: { path: / }, stop: { grace: 1s } }\ndev: { env: { DEBUG: "1" } }\nstages:\n  dev: {}\n  test: { hosts: [${lab.hosts.test1?.address}] }`,
    );
    await runDev(project, []);
    const refused = await project.run("promote", "test");
    expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringMatching(/dev: env DEBUG/)]);
    const { releases } = await project.json<{ releases: { name: string }[] }>("releases");
    const named = await project.run("promote", "test", "--release", releases[0]?.name ?? "");
    expect([named.exitCode, named.stderr]).toEqual([3, expect.stringMatching(/has never run in dev/)]);
    expect((await project.json<Status>("status", "dev")).stages[0]?.verdict).toBe("dev");
    await project.ok("up", "dev");
    expect(await project.json("promote", "test")).toMatchObject({ changed: true });
  });

  it("without files and settings of its own is the release", async () => {
    const project = new Project(lab);
    project.environment(`app: { port: 8080, health: { path: / }, stop: { grace: 1s } }\nstages:\n  dev: {}`);
    await runDev(project, []);
    expect((await project.json<Status>("status", "dev")).stages[0]?.verdict).toBe("ok");
    // It never ran as a release, so there is none to go back to.
    expect((await project.run("rollback", "dev")).stderr).toMatch(/dev has run no earlier release/);
  });

  it("goes back to the last release", async () => {
    const project = new Project(lab);
    project.environment(`app: { port: 8080, health: { path: / }, stop: { grace: 1s } }\nstages:\n  dev: {}`);
    const { release } = await project.json<{ release: { digest: string } }>("up", "dev");
    await runDev(project, ["/www/index.html"]);
    expect(await project.json("rollback", "dev")).toMatchObject({ release: { digest: release.digest } });
    const { stages } = await project.json<Status>("status", "dev");
    expect([stages[0]?.verdict, stages[0]?.hosts[0]?.containers[0]?.dev]).toEqual(["ok", null]);
  });
});

function contextIn(project: Project): Context {
  return {
    verb: "dev",
    options: {
      file: undefined,
      json: false,
      verbose: false,
      yes: true,
      dryRun: false,
      timeout: undefined,
      skipHooks: true,
      wait: undefined,
    },
    directory: project.folder,
    variables: { ...process.env, ...project.env },
    progress: new Progress(() => {}),
    clock: systemClock,
    signal: new AbortController().signal,
    situation: new Situation(),
    interactive: false,
    confirm: async () => true,
    write: () => {},
    paint: (_, text) => text,
    literal: [],
    verbs: [],
    width: Number.POSITIVE_INFINITY,
  };
}
