import { tellOnStderr } from "./command.ts";
import { labNames, workerLab } from "./names.ts";
import { recordOf } from "./processes.ts";
import { raiseLab } from "./raise.ts";

/** The first worker's lab is up by now; that of another is raised once it has something to do. */
const worker = Number(process.env.VITEST_POOL_ID ?? "1");
if (worker > 1 && process.env.ENVCTL_NO_LAB === undefined) {
  process.env.ENVCTL_LAB = workerLab(labNames().name, worker);
  await raiseLab(labNames(), { tell: tellOnStderr, borrower: recordOf(process.ppid) });
}
