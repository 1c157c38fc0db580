import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { exclusively } from "./exclusive.ts";
import { isAlive, recordOf } from "./processes.ts";

/** How many labs a test run has at a time, as many as vitest.config.ts lets lab tests run side by side. */
export const workers = process.env.CI === "true" ? 1 : 3;

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
