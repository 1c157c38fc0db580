import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { type VerifiedHistory, verifyHistory } from "../../promotion/verify-history.ts";
import { findStage } from "../../rollout/workspace.ts";
import type { Context, Outcome } from "../verb.ts";
import { withWorkspace } from "../workspace.ts";

/** `envctl history --verify`. Throws `history-altered` (exit 6) that names every record which is not as it was written. */
export async function verifyHistories(context: Context, name: string | undefined): Promise<Outcome> {
  return await withWorkspace(context, name, async (workspace) => {
    const { environment } = workspace;
    const stages = name === undefined ? environment.stages : [findStage(environment, name)];
    const found = await Promise.all(stages.map((stage) => verifyHistory(workspace, stage)));
    const problems = found.flatMap(({ stage, problems: list }) =>
      list.map(({ sequence, what }) => `${stage}${sequence === undefined ? "" : ` record ${sequence}`}: ${what}`),
    );
    if (problems.length > 0) throw altered(environment.name, problems);
    return {
      json: { verb: "history", environment: environment.name, verified: true, stages: found },
      text: found.map(inWords).join("\n"),
    };
  });
}

function inWords({ stage, records, signed, signers }: VerifiedHistory): string {
  if (records === 0) return `${stage}: no history yet`;
  const whole = `${stage}: ${records} ${records === 1 ? "record" : "records"}, in order and unchanged`;
  if (signed === 0) return `${whole}; not signed: envctl keys init makes a key`;
  const names = [...new Set(signers.flatMap(({ by }) => by ?? []))];
  return `${whole}, signed by ${names.join(", ")}`;
}

function altered(environment: string, problems: readonly string[]): EnvctlError {
  return new EnvctlError({
    code: "history-altered",
    exitCode: ExitCode.identityMismatch,
    what: `the history of ${environment} is not as it was written`,
    evidence: problems,
    state: "what runs is untouched",
    next: "ask who can push to the registry; envctl status shows what really runs",
  });
}
