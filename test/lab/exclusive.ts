import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isAlive, mayBeAlive, recordOf } from "./processes.ts";

/** Runs `work` while no other process does what is guarded by the same file. A dead owner's lock is taken over. */
export async function exclusively<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  await mkdir(dirname(path), { recursive: true });
  const mine = JSON.stringify(recordOf(process.pid));
  for (;;) {
    try {
      await writeFile(path, mine, { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await ownerIsGone(path)) await discard(path);
    else await wait(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** Whether somebody holds this lock now, or may hold it. */
export async function isHeld(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text !== undefined && (text === "" || mayBeAlive(JSON.parse(text)));
}

async function ownerIsGone(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined || text === "") return false; // Just released, or just being written.
  return !isAlive(JSON.parse(text));
}

async function discard(path: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  // Renaming lets one of several waiters win; the others find nothing to rename.
  await rename(path, aside).catch(() => {});
  await rm(aside, { force: true });
}
