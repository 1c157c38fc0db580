import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { tellOnStderr } from "../lab/command.ts";
import { installProgram } from "../lab/install.ts";
import { borrowLab } from "../lab/lab.ts";
import { allCells, reducedCells } from "./cells.ts";
import { Matrix } from "./matrix.ts";
import { type Cell, type CellResult, cellName, faults, steps } from "./model.ts";
import { Stand } from "./stand.ts";
import { closingLine, formatTable } from "./table.ts";

const usage = `npm run faults -- [--only STEP,FAULT] [--reduced] [--json]

Every step of a rollout × everything that may go wrong there; exit code 1 where a cell fails.
  --only STEP,FAULT   a part: a step, a fault, or both (may be given several times)
  --reduced           the cells that npm run test:all runs
steps:  ${steps.join(" ")}
faults: ${Object.keys(faults).join(" ")}`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    reduced: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const known: readonly string[] = [...steps, ...Object.keys(faults)];
const wanted = values.only.map((part) => part.split(",").map((word) => word.trim()));
const unknown = wanted.flat().filter((word) => !known.includes(word));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no such step or fault: ${unknown.join(", ")}\n`);
  console.error(usage);
  process.exit(values.help ? 0 : 2);
}
const isWanted = ({ step, fault }: Cell) =>
  wanted.length === 0 || wanted.some((words) => words.every((word) => word === step || word === fault));
const cells = (values.reduced ? reducedCells() : allCells()).filter(isWanted);

await execa(process.execPath, ["build.mjs"], { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
await installProgram("faketime", tellOnStderr);
const { lab, giveBack } = await borrowLab(tellOnStderr);
const results: CellResult[] = [];
try {
  const stand = await Stand.raise(lab);
  try {
    const matrix = new Matrix(stand);
    for (const [at, cell] of cells.entries()) {
      const result = await matrix.run(cell);
      results.push(result);
      const mark = result.problems.length === 0 ? "✓" : "✗";
      console.error(`${mark} ${at + 1}/${cells.length} ${cellName(cell)} (${(result.took / 1000).toFixed(1)} s)`);
      for (const problem of result.problems) console.error(`    ${problem}`);
    }
  } finally {
    await stand.lower();
  }
} finally {
  await giveBack();
}
console.log(values.json ? JSON.stringify(results, undefined, 2) : formatTable(results));
if (values.json) console.error(closingLine(results));
process.exitCode = results.length === cells.length && results.every(({ problems }) => problems.length === 0) ? 0 : 1;
