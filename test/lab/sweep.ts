import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Tell, timed } from "./command.ts";
import { exclusively, isHeld } from "./exclusive.ts";
import { lowerLab } from "./lower.ts";
import { type LabNames, labNames } from "./names.ts";
import { isAbandoned, readState } from "./state.ts";

/** Whatever changes a lab holds this lock. */
export function changing<Result>(names: LabNames, work: () => Promise<Result>): Promise<Result> {
  return exclusively(lockOf(names), work);
}

function lockOf(names: LabNames): string {
  return `${names.folder}.lock`;
}

/** Takes down other labs whose test run was killed, or whose start was. Those that a person raised stay. */
export async function sweepLabs(mine: LabNames, tell: Tell): Promise<void> {
  const prefix = labNames("x").folder.slice(dirname(mine.folder).length + 1, -1);
  for (const entry of readdirSync(dirname(mine.folder))) {
    const name = entry.slice(prefix.length);
    if (!entry.startsWith(prefix) || entry.endsWith(".lock") || name === mine.name) continue;
    const names = labNames(name);
    if (!isAbandoned(readState(names)) || (await isHeld(lockOf(names)))) continue;
    await timed(tell, `taking down the lab "${name}" that a killed run left`, () =>
      changing(names, async () => {
        if (isAbandoned(readState(names))) await lowerLab(names);
      }),
    );
  }
}
