import { tellOnStderr } from "./command.ts";
import { labNames, workerLab } from "./names.ts";
import { recordOf } from "./processes.ts";
import { raiseLab } from "./raise.ts";
import { claimNumber } from "./workers.ts";

/** The first lab is up by now; another is raised once there is something to do in it. */
const { ENVCTL_NO_LAB: none, ENVCTL_LAB_CLAIMS: claims } = process.env;
if (none === undefined && claims !== undefined) {
  const number = await claimNumber(claims);
  if (number > 1) {
    process.env.ENVCTL_LAB = workerLab(labNames().name, number);
    await raiseLab(labNames(), { tell: tellOnStderr, borrower: recordOf(process.ppid) });
  }
}
