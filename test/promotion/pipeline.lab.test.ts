import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

interface Document {
  readonly release: { readonly name: string; readonly digest: string } | null;
  readonly complete: boolean;
  readonly stages: readonly { readonly stage: string; readonly outcome: string; readonly missing?: { what: string } }[];
}

describeLab("a pipeline", () => {
  let project: Project;

  beforeAll(async () => {
    project = new Project(await useLab());
    project.environment(
      [
        "app: { port: 8080, health: { path: /index.html }, stop: { grace: 1s } }",
        "stages:",
        "  dev: {}",
        "  test: { hosts: [ssh://test1] }",
        "  side: { after: dev, hosts: [ssh://prod1] }",
        "  prod: { after: [test, side], hosts: [ssh://prod1, ssh://prod2] }",
      ].join("\n"),
    );
  }, 60_000);

  const run = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await project.run("pipeline", "--json", ...words);
    const document = JSON.parse(stdout) as Document;
    const outcomes = Object.fromEntries((document.stages ?? []).map(({ stage, outcome }) => [stage, outcome]));
    return { exitCode, document, outcomes, stderr };
  };

  describe("from the sources to the last stage", () => {
    it("says what it would do first, and touches nothing", async () => {
      const { exitCode, document, outcomes } = await run("--dry-run");
      expect([exitCode, document.release]).toEqual([0, null]);
      expect(outcomes).toEqual({ dev: "would-deploy", test: "waiting", side: "waiting", prod: "waiting" });
      expect((await project.run("releases")).stdout).toContain("no releases yet");
    });

    it("goes to the stage that it is told to end with, on from there, and does nothing twice", async () => {
      const first = await run("--to", "test");
      expect([first.exitCode, first.outcomes], first.stderr).toEqual([0, { dev: "deployed", test: "deployed" }]);
      const output = join(project.folder, "..", "out");
      const env = project.env;
      Object.assign(env, { ENVCTL_OUTPUT: output, ENVCTL_SUMMARY: join(project.folder, "..", "summary.md") });
      const second = await run();
      expect(second.outcomes).toEqual({ dev: "unchanged", test: "unchanged", side: "deployed", prod: "deployed" });
      expect(second.document.complete).toBe(true);
      expect(readFileSync(output, "utf8")).toContain(`ENVCTL_DIGEST=${second.document.release?.digest}\n`);
      expect(readFileSync(output, "utf8")).toContain("ENVCTL_REACHED=prod\n");
      expect(readFileSync(env.ENVCTL_SUMMARY ?? "", "utf8")).toContain("| prod | runs it now |");
      delete env.ENVCTL_OUTPUT;
      delete env.ENVCTL_SUMMARY;
      const third = await run();
      expect(Object.values(third.outcomes)).toEqual(["unchanged", "unchanged", "unchanged", "unchanged"]);
      expect(third.document.release).toEqual(second.document.release);
    });

    it("leaves the stages before a failure with the release, and goes on once that is mended", async () => {
      project.page("two");
      const file = join(project.folder, "envctl.yaml");
      const good = readFileSync(file, "utf8");
      const hook = "tasks: { guard: { command: [sh, -c, 'test $STAGE != side'], when: before-switch } }\n";
      project.write(
        "envctl.yaml",
        `${good.replace("side: { after: dev,", "side: { after: dev, env: { STAGE: side },")}${hook}`,
      );
      const failed = await project.run("pipeline");
      expect(failed.exitCode).toBe(1);
      expect(failed.stderr).toContain("task guard");
      project.write("envctl.yaml", good);
      const mended = await run();
      expect(mended.outcomes).toEqual({ dev: "deployed", test: "deployed", side: "deployed", prod: "deployed" });
    });

    it("runs the checks that a stage has not passed, each time until it has", async () => {
      const file = join(project.folder, "envctl.yaml");
      const good = readFileSync(file, "utf8");
      const check = "verify: [{ name: sign, local: [test, -e, ../sign] }]";
      project.write("envctl.yaml", good.replace("test: {", `test: { ${check},`));
      const failed = await project.run("pipeline");
      expect([failed.exitCode, failed.stderr]).toEqual([1, expect.stringContaining("check sign failed")]);
      writeFileSync(join(project.folder, "../sign"), "");
      const passed = await run();
      expect(Object.values(passed.outcomes)).toEqual(["unchanged", "unchanged", "unchanged", "unchanged"]);
      expect((await project.json<{ records: { kind: string }[] }>("history", "test")).records[0]?.kind).toBe("verify");
      project.write("envctl.yaml", good);
    });

    it("brings an earlier release on, and says what it does not know", async () => {
      const releases = JSON.parse((await project.run("releases", "--json")).stdout).releases as { name: string }[];
      const unknown = await project.run("pipeline", "--release", "nonesuch");
      expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('no release "nonesuch"')]);
      const older = releases.at(-1)?.name ?? "";
      const { outcomes, document } = await run("--release", older, "--to", "test");
      expect([document.release?.name, outcomes]).toEqual([older, { dev: "deployed", test: "deployed" }]);
    });
  });
});
