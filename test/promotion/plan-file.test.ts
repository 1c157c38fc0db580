import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { digestOf } from "../../src/base/digest.ts";
import type { SavedPlan } from "../../src/plan/saved-plan.ts";
import { readPlanFile, writePlanFile } from "../../src/promotion/plan-file.ts";

const folder = mkdtempSync(join(tmpdir(), "envctl-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, "plan.json");
const wanted = { verb: "promote", environment: "shop", stage: "prod" } as const;
const plan: SavedPlan = {
  ...{ kind: "envctl-plan", version: 1, ...wanted, madeAt: "2026-01-01T00:00:00Z", madeBy: "alice@laptop", salt: "00" },
  release: { name: "one", digest: digestOf("one") },
  moment: {
    ...{ head: null, configuration: {}, secrets: {}, services: {}, hooks: {}, certificate: null, tasks: [] },
    hosts: [{ host: "a", steps: [] }],
  },
};

it("is written for its user alone, over whatever was there, and read back", async () => {
  writeFileSync(file, "something else");
  chmodSync(file, 0o644);
  await writePlanFile(file, plan);
  expect([statSync(file).mode & 0o777, readdirSync(folder)]).toEqual([0o600, ["plan.json"]]);
  expect(await readPlanFile(file, wanted)).toEqual(plan);
  await expect(writePlanFile(join(folder, "none/plan.json"), plan)).rejects.toMatchObject({
    code: "plan-not-saved",
    exitCode: 2,
  });
});

it.each([
  ["{", "it is no plan that envctl has saved"],
  ["[]", "it is no plan that envctl has saved"],
  [JSON.stringify({ ...plan, version: 2 }), "it is a plan of version 2, which this envctl does not know"],
  [JSON.stringify({ ...plan, environment: "other" }), "it is a plan for other, and not for shop"],
  [JSON.stringify({ ...plan, stage: "test" }), "it is a plan for test, and not for prod"],
  [JSON.stringify({ ...plan, verb: "rollback" }), "it is a plan for envctl rollback prod"],
  [" ".repeat(9 * 1024 * 1024), "it is too large for a plan"],
])("is refused where it is none for what is to be done: %.60s", async (content, why) => {
  writeFileSync(file, content);
  const refused = { code: "plan-invalid", exitCode: 2, message: `this is not the plan to carry out: ${why}` };
  await expect(readPlanFile(file, wanted)).rejects.toMatchObject(refused);
  expect(readFileSync(file, "utf8")).toBe(content);
});

it("is refused where it is not there", async () => {
  await expect(readPlanFile(join(folder, "none"), wanted)).rejects.toMatchObject({ code: "plan-invalid", exitCode: 2 });
});
