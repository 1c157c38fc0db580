import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { tellOnStderr } from "../lab/command.ts";
import { ensureBaseImage } from "../lab/images/base-images.ts";
import { borrowLab } from "../lab/lab.ts";
import { formatReport } from "./load.ts";
import { bringToDev, runSeries, type Series, watchedApp, watchedDrivers, watchedStrategies } from "./rounds.ts";
import { judge } from "./rounds-verdict.ts";

/** `npm run load`: promotes and rolls back under the eyes of clients of all kinds, and tells what they saw. */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    driver: { type: "string", multiple: true, default: [...watchedDrivers] },
    strategy: { type: "string", default: "rolling" },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const drivers = watchedDrivers.filter((driver) => values.driver.includes(driver));
const strategy = watchedStrategies.find((one) => one === values.strategy);
if (!Number.isSafeInteger(rounds) || rounds < 1 || drivers.length !== values.driver.length || !strategy) {
  console.error("npm run load -- [--rounds N] [--driver caddy|haproxy] [--strategy rolling|blue-green] [--json]");
  process.exit(2);
}

await execa(process.execPath, ["build.mjs"], { cwd: fileURLToPath(new URL("../../", import.meta.url)) });
const { lab, giveBack } = await borrowLab(tellOnStderr);
const all: Series[] = [];
try {
  await Promise.all(drivers.map((driver) => ensureBaseImage(driver)));
  const app = watchedApp(lab, strategy);
  try {
    for (const driver of drivers) {
      const next = async (round: number) => {
        const release = `${driver}-${round}`;
        await bringToDev(app, release);
        return release;
      };
      const series = await runSeries(lab, app, driver, { rounds, next, strategy, tell: tellOnStderr });
      all.push(series);
      if (!values.json) console.log(describe(series));
    }
  } finally {
    await app.remove();
  }
} finally {
  await giveBack();
}
const verdicts = all.flatMap(judge);
const failed = verdicts.filter(({ holds }) => !holds).length;
if (values.json) console.log(JSON.stringify({ series: all, verdicts }, undefined, 2));
else for (const { claim, holds } of verdicts) console.log(`${holds ? "✓" : "✗"} ${claim}`);
console.log(`${verdicts.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function describe({ driver, promotions, rollbacks, hosts, took, load }: Series): string {
  return [
    `\n${driver}: ${promotions} promotions and ${rollbacks} rollbacks on ${hosts} hosts (promote ${range(took.promote)}, rollback ${range(took.rollback)}, drain included)`,
    ...formatReport({ ...load, releases: [] }),
  ].join("\n");
}

function range(times: readonly number[]): string {
  return `${(Math.min(...times) / 1000).toFixed(1)}–${(Math.max(...times) / 1000).toFixed(1)} s`;
}
