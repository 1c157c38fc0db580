import { execa } from "execa";
import { beforeAll, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { type Lab, useLab } from "../lab/lab.ts";
import { cli, Project } from "./project.ts";

/** Containers of CI systems run under any number; here it is one as this program sees it, who may all that root may. */
const nameless = ["unshare", "--user", "--map-user=4321", "--map-group=4321", "--"];

describeLab("a user whose number has no name", () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await useLab();
  });

  it.each([
    ["a home", {}],
    ["none", { HOME: undefined }],
  ])("can do all that others can, with %s", async (_, changes) => {
    const project = new Project(lab);
    project.environment("app: { health: false, stop: { grace: 1s } }\nstages: { dev: {}, test: {} }");
    const { PATH, HOME } = process.env;
    const run = (...words: string[]) =>
      execa(nameless[0] ?? "", [...nameless.slice(1), process.execPath, cli, ...words], {
        ...{ cwd: project.folder, extendEnv: false, reject: false },
        env: { PATH, HOME, ...project.env, ...changes },
      });
    for (const words of [["validate"], ["doctor"], ["up", "dev"], ["promote", "test"], ["lock", "test", "-m", "sale"]])
      expect(await run(...words)).toMatchObject({ exitCode: 0 });
    expect((await run("lock", "test", "--show")).stdout).toMatch(/locked by uid-4321 on /);
    expect((await run("history", "dev")).stdout).toMatch(/ uid-4321@/);
  });
});
