import type { CheckFrame, LocalCheck } from "../../environment/verification.ts";
import { runLocalProgram } from "../../rollout/hook-process.ts";
import { openAddresses } from "./addresses.ts";
import type { Attempt, CheckedStage, Finding } from "./check.ts";
import { judgeReports } from "./judge-reports.ts";
import { reportsOnDisk, type Stamps, stampsOf } from "./reports.ts";

/** Runs a command on this machine, without a shell, and tells it where the stage is to be found. */
export async function checkLocal(
  check: LocalCheck & CheckFrame,
  checked: CheckedStage,
  { output, note, signal }: Attempt,
): Promise<Finding> {
  const { workspace, stage, release } = checked;
  const { directory, name } = workspace.environment;
  const [file = "", ...words] = check.command;
  const { junit } = check;
  const before: Stamps = junit === undefined ? new Map() : await stampsOf(directory, junit);
  const addresses = await openAddresses(checked);
  try {
    const told = {
      ENVCTL_CHECK: check.name,
      ENVCTL_ENVIRONMENT: name,
      ENVCTL_STAGE: stage.name,
      ENVCTL_RELEASE: release.name,
      ENVCTL_DIGEST: release.digest,
      ENVCTL_HOSTS: stage.hosts.map((host) => host.name).join(","),
      ENVCTL_URL: addresses.url,
      ENVCTL_URLS: addresses.urls.length === 0 ? undefined : addresses.urls.join(","),
    };
    for (const [variable, value] of Object.entries(told)) note(`# ${variable}=${value ?? ""}`);
    const { failure } = await runLocalProgram({
      file,
      arguments: words,
      directory,
      variables: { ...workspace.variables, ...told },
      output,
      signal,
    });
    // Its time is over, or the command is: how it was ended is no finding.
    signal.throwIfAborted();
    if (junit !== undefined) {
      return await judgeReports("", failure, junit, () => reportsOnDisk(directory, junit, before));
    }
    return { wrong: failure === undefined ? [] : [{ where: "", what: failure }] };
  } finally {
    await addresses.close();
  }
}
