import { tellOnStderr } from "./command.ts";
import { whyNoLab } from "./install.ts";
import { borrowLab } from "./lab.ts";

/** Runs before the first of the selected lab tests, and not at all where none is selected. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const reason = whyNoLab();
  if (reason !== undefined) {
    tellOnStderr(`tests on the lab are skipped: ${reason}`);
    process.env.ENVCTL_NO_LAB = reason;
    return undefined;
  }
  const { giveBack } = await borrowLab(tellOnStderr);
  return giveBack;
}
