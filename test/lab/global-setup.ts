import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tellOnStderr } from "./command.ts";
import { whyNoLab } from "./install.ts";
import { borrowLab, giveBackLab } from "./lab.ts";
import { labNames, workerLab } from "./names.ts";
import { workers } from "./workers.ts";

/** Runs before the first of the selected lab tests, and not at all where none is selected. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const reason = whyNoLab();
  if (reason !== undefined) {
    tellOnStderr(`tests on the lab are skipped: ${reason}`);
    process.env.ENVCTL_NO_LAB = reason;
    return undefined;
  }
  const { lab, giveBack } = await borrowLab(tellOnStderr);
  const claims = await mkdtemp(join(tmpdir(), "envctl-claims-"));
  process.env.ENVCTL_LAB_CLAIMS = claims;
  return async () => {
    await giveBack();
    for (let worker = 2; worker <= workers; worker += 1) await giveBackLab(labNames(workerLab(lab.name, worker)));
    await rm(claims, { recursive: true, force: true });
  };
}
