import { afterAll, beforeAll, expect, it } from "vitest";
import { tellOnStderr } from "../lab/command.ts";
import { describeLab } from "../lab/describe-lab.ts";
import { installProgram } from "../lab/install.ts";
import { useLab } from "../lab/lab.ts";
import { fewCells, reducedCells } from "./cells.ts";
import { Matrix } from "./matrix.ts";
import { cellName } from "./model.ts";
import { Stand } from "./stand.ts";
import { stretches, Traffic } from "./traffic.ts";

/** Milliseconds: most cells take five seconds of a machine that has nothing else to do. */
const patience = 240_000;
const chosen = process.env.ENVCTL_TESTS === "all" ? reducedCells() : fewCells();
const cells = chosen.map((cell) => [cellName(cell), cell] as const);

describeLab("a rollout to two hosts", () => {
  let stand: Stand;
  let matrix: Matrix;

  beforeAll(async () => {
    await installProgram("faketime", tellOnStderr);
    stand = await Stand.raise(await useLab());
    matrix = new Matrix(stand);
  });

  afterAll(async () => await stand?.lower());

  it.each(cells)(
    "%s: nobody notices but who must, and the same command converges",
    async (_name, cell) => {
      const { problems } = await matrix.run(cell);
      expect(problems).toEqual([]);
    },
    patience,
  );

  it("leaves nothing behind when a stage is taken down whose proxy never came to be", async () => {
    const release = await stand.release("good-1");
    await stand.ok("down", "prod", "--volumes", "--yes");
    const free = await stand.takePort(stand.hosts[1]);
    try {
      const { exitCode, stderr } = await stand.run(["promote", "prod", "--release", release.name]);
      expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/port 18620 of the host is taken/)]);
    } finally {
      await free();
    }
    await stand.ok("down", "prod", "--volumes", "--yes");
    expect(await stand.states(new Map())).toEqual([[], []]);
  });

  it("rolls back with the registry out of reach, and no request fails", async () => {
    const [first, second] = [await stand.release("good-1"), await stand.release("good-2")];
    for (const { name } of [first, second]) await stand.ok("promote", "prod", "--release", name);
    const traffic = new Traffic(stand.bases);
    await stand.gate.shut();
    try {
      const { exitCode, stderr } = await stand.run(["rollback", "prod"]);
      expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/this rollback is not in the stage's history/)]);
    } finally {
      await stand.gate.open();
      await traffic.stop();
    }
    expect(traffic.answers.filter(({ error }) => error !== undefined)).toEqual([]);
    for (const host of [0, 1])
      expect(stretches(traffic.answers.filter((answer) => answer.host === host))).toEqual(["good-2", "good-1"]);
    // Once the registry is back, the same command records what runs.
    await stand.ok("rollback", "prod");
    const { stdout } = await stand.ok("status", "prod", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ stages: [{ verdict: "ok", expected: { digest: first.digest } }] });
  });
});
