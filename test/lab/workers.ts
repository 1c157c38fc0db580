import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { exclusively } from "./exclusive.ts";
import { isAlive, recordOf } from "./processes.ts";

/**
 * How many test files run side by side, each lab test on a lab of its own. Three keep two cores busy throughout, as tests of
 * hosts wait, too; in CI steady times are worth more than the last minute.
 */
export const workers = process.env.CI === "true" ? 2 : 3;

/**
 * The lowest number from 1 to `count` that no living process has claimed in this folder: this process has it until it ends.
 * Waits while there is none. Vitest's own numbers (VITEST_POOL_ID) are no use: two files that run at a time may have the same.
 */
export async function claimNumber(folder: string, count = workers): Promise<number> {
  for (;;) {
    const claimed = await exclusively(join(folder, "lock"), async () => {
      for (let number = 1; number <= count; number += 1) {
        const file = join(folder, String(number));
        const owner = await readFile(file, "utf8").catch(() => undefined);
        if (owner !== undefined && isAlive(JSON.parse(owner))) continue;
        await writeFile(file, JSON.stringify(recordOf(process.pid)));
        return number;
      }
      return undefined;
    });
    if (claimed !== undefined) return claimed;
    await wait(20);
  }
}
