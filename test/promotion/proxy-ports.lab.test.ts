import { expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { ask } from "../proxy/request.ts";
import { askDuring } from "./background.ts";
import { docker, Project } from "./project.ts";

const port = 18_493;
const environment = (more: string) =>
  `app: { port: 8080, health: { path: /index.html, interval: 200ms, retries: 25 }, stop: { grace: 1s } }\nstages: { live: { hosts: [ssh://test1], ports: ["${port}:8080"], ${more} } }`;

interface Planned {
  readonly plan: { readonly hosts: { readonly gap: boolean }[]; readonly notes: string[] };
}

describeLab("ports of a stage, and of its proxy", () => {
  it("pass from the app to a proxy and back, each time with the gap that the plan tells of", async () => {
    const lab = await useLab();
    const { ip, socket } = lab.host("test1");
    const project = new Project(lab);
    const planned = async () => (await project.json<Planned>("plan", "live")).plan;
    const owner = async () =>
      (await docker(socket, "ps", "--format", "{{.Names}}", "--filter", `publish=${port}`)).replace(project.name, "");
    const body = async () => (await ask(ip, { port })).text.trim();

    project.environment(environment("proxy: false"));
    await project.ok("up", "live");
    expect([await owner(), await body()]).toEqual([expect.stringMatching(/^-live-app-/), "first"]);

    project.environment(environment(""));
    const toProxy = await planned();
    expect([toProxy.hosts[0]?.gap, toProxy.notes]).toEqual([
      true,
      expect.arrayContaining([expect.stringMatching(/its published port passes to another container, this once/)]),
    ]);
    await project.ok("up", "live");
    expect([await owner(), await body()]).toEqual(["-live-proxy", "first"]);

    // From now on nobody notices a release.
    project.page("second");
    const answers = await askDuring(ip, { port }, () => project.ok("up", "live"));
    expect(Object.keys(answers.counts)).toEqual(["200"]);
    expect([await owner(), await body()]).toEqual(["-live-proxy", "second"]);

    project.environment(environment("proxy: false"));
    expect((await planned()).hosts[0]?.gap).toBe(true);
    await project.ok("up", "live");
    expect([await owner(), await body()]).toEqual([expect.stringMatching(/^-live-app-/), "second"]);
    const left = ["ps", "-aq", "--filter", `name=${project.name}-live-proxy`];
    expect(await docker(socket, ...left)).toBe("");
    expect(await docker(socket, "volume", "ls", "-q", "--filter", `name=${project.name}-live-proxy`)).toBe("");
  });

  it("leave a container of the user's alone that has the name of the proxy", async () => {
    const lab = await useLab();
    const { socket } = lab.host("test1");
    const project = new Project(lab);
    await docker(socket, "pull", "busybox");
    const theirs = await docker(socket, "run", "-d", "--name", "envctl-proxy", "busybox", "sleep", "1000");
    try {
      project.environment(environment("domain: theirs.test").replace(/ports: \[.*?\], /, ""));
      const refused = await project.run("up", "live");
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringMatching(/the name envctl-proxy is taken by a container that is no proxy[\s\S]*docker rename/),
      ]);
      expect((await project.ok("proxy", "remove", "live", "--yes", "--volumes")).stdout).toMatch(/nothing to remove/);
      await project.ok("down", "live", "--yes");
      const state = await docker(socket, "inspect", "-f", "{{.State.Running}} {{.Id}}", "envctl-proxy");
      expect(state).toBe(`true ${theirs}`);
    } finally {
      await docker(socket, "rm", "-f", theirs);
    }
  });
});
