import { beforeAll, describe, expect, it } from "vitest";
import { describeLab } from "../lab/describe-lab.ts";
import { useLab } from "../lab/lab.ts";
import { Project } from "./project.ts";

const stages = ["one", "two", "three", "four"];
const promotions = 50;
/** How many processes are at work at once. */
const width = 10;

interface Recorded {
  readonly stage: string;
  readonly kind: string;
  readonly outcome: string;
  readonly sequence: number;
}

describeLab("promotions by several processes at once", () => {
  let project: Project;

  beforeAll(async () => {
    const lab = await useLab();
    project = new Project(lab);
    project.env.ENVCTL_INSECURE_REGISTRIES = lab.registries.open.host;
    project.env.XDG_CONFIG_HOME = `${project.folder}/../config`;
    project.write(
      "envctl.yaml",
      [
        `name: ${project.name}`,
        `image: { repository: "${lab.registries.open.host}/team/${project.name}" }`,
        "app: { health: false, stop: { grace: 1s } }",
        "stages:",
        "  dev: {}",
        ...stages.map((stage) => `  ${stage}: { after: dev, rollout: { keep: 0 } }`),
      ].join("\n"),
    );
    await project.ok("keys", "init", "--name", "ada");
  }, 60_000);

  describe("of random stages", () => {
    it("leave a chain for each stage that is proven, with every record in it", async () => {
      const releases: string[] = [];
      for (const page of ["a", "b"]) {
        project.page(page);
        const up = await project.json<{ release: { name: string } }>("up", "dev");
        releases.push(up.release.name);
      }
      const changes = new Map(stages.map((stage) => [stage, 0]));
      const work = Array.from({ length: promotions }, (_, index) => index).values();
      const worker = async () => {
        for (const index of work) {
          const stage = stages[Math.floor(Math.random() * stages.length)] ?? "";
          // One release after the other, so that most of them change something.
          const release = releases[index % releases.length] ?? "";
          const words = ["promote", stage, "--release", release, "--wait", "90s"];
          const { changed } = await project.json<{ changed: boolean }>(...words);
          if (changed) changes.set(stage, (changes.get(stage) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: width }, worker));

      const verified = await project.json<{ stages: { stage: string; records: number; signed: number }[] }>(
        "history",
        "--verify",
      );
      const { records } = await project.json<{ records: Recorded[] }>("history", "--limit", "100");
      for (const stage of stages) {
        const own = records.filter((record) => record.stage === stage);
        expect([stage, own.length]).toEqual([stage, changes.get(stage)]);
        expect(own.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(own.map((_, index) => index + 1));
        expect(own.every(({ kind, outcome }) => kind === "promote" && outcome === "succeeded")).toBe(true);
        expect(verified.stages.find((one) => one.stage === stage)).toMatchObject({
          records: own.length,
          signed: own.length,
        });
      }
      expect([...changes.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(promotions / 3);
    }, 180_000);
  });
});
