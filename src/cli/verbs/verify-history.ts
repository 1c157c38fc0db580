import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { type VerifiedBuilds, verifyBuilds } from "../../promotion/builds.ts";
import { type VerifiedHistory, verifyHistory } from "../../promotion/verify-history.ts";
import { findStage } from "../../rollout/workspace.ts";
import type { Context, Outcome } from "../verb.ts";
import { withWorkspace } from "../workspace.ts";

/** `envctl history --verify`. Throws `history-altered` (exit 6) that names every record which is not as it was written. */
export async function verifyHistories(context: Context, name: string | undefined): Promise<Outcome> {
  return await withWorkspace(context, name, async (workspace) => {
    const { environment } = workspace;
    const stages = name === undefined ? environment.stages : [findStage(environment, name)];
    const [found, builds] = await Promise.all([
      Promise.all(stages.map((stage) => verifyHistory(workspace, stage))),
      name === undefined ? verifyBuilds(workspace) : undefined,
    ]);
    const problems = found.flatMap(({ stage, problems: list }) =>
      list.map(({ sequence, what }) => `${stage}${sequence === undefined ? "" : ` record ${sequence}`}: ${what}`),
    );
    problems.push(...(builds?.problems ?? []).map(({ tag, what }) => `build ${tag}: ${what}`));
    if (problems.length > 0) throw altered(environment.name, problems);
    return {
      json: {
        verb: "history",
        environment: environment.name,
        verified: true,
        stages: found,
        ...(builds ? { builds: { attested: builds.builds.length, signers: signersOf(builds) } } : {}),
      },
      text: [...found.map(inWords), ...(builds ? [buildsInWords(builds)] : [])].join("\n"),
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

function buildsInWords(builds: VerifiedBuilds): string {
  const count = builds.builds.length;
  if (count === 0) return "builds: none is attested yet";
  const whole = `builds: ${count} attested, unchanged`;
  const signers = signersOf(builds);
  return signers.length === 0 ? `${whole}; not signed` : `${whole}, signed by ${signers.join(", ")}`;
}

function signersOf({ builds }: VerifiedBuilds): string[] {
  return [...new Set(builds.flatMap(({ signer }) => signer ?? []))];
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
