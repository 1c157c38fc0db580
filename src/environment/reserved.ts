import type { EnvironmentDocument } from "./document.ts";
import type { Problem } from "./model.ts";
import { type Problems, pathText } from "./problems.ts";

/** Keys that belong to the format, and on which this version does not act: saying nothing would be a promise not kept. */
const stageKeys: Readonly<Record<string, string>> = {
  domain: "no proxy is set up; publish a port under `ports` instead",
  gates: "a promotion is not held back by them",
  verify: "the checks are not run; a release counts as good when it is healthy",
  auto: "nothing is promoted by itself",
};
const rolloutKeys: Readonly<Record<string, string>> = {
  strategy: "hosts are switched one batch after the other",
  max_unavailable: "`batch` alone decides how many hosts are switched at once",
  canary: "hosts are switched one batch after the other",
};

/** Reports each use as a warning; verbs that change a stage refuse with those that concern it (`reservedIn`). */
export function reportReserved(document: EnvironmentDocument, problems: Problems): void {
  if (document.dev) problems.warning(["dev"], notYet("dev"), "there is no `envctl dev` yet");
  for (const [name, task] of Object.entries(document.tasks ?? {})) {
    if (task.when !== undefined && !["manual", "before-switch"].includes(task.when)) {
      problems.warning(["tasks", name, "when"], notYet(`when: ${task.when}`), "the task runs by `envctl run` alone");
    }
  }
  for (const [name, stage] of Object.entries(document.stages)) {
    for (const [key, instead] of Object.entries(stageKeys)) {
      if (stage && key in stage) problems.warning(["stages", name, key], notYet(key), instead);
    }
    for (const [key, instead] of Object.entries(rolloutKeys)) {
      if (stage?.rollout && key in stage.rollout)
        problems.warning(["stages", name, "rollout", key], notYet(key), instead);
    }
  }
}

function notYet(key: string): string {
  return `\`${key}\` is part of the format, but this version does not act on it`;
}

/** Those of the warnings that make a change of this stage something else than what the file asks for. */
export function reservedIn(problems: readonly Problem[], stage: string): Problem[] {
  const prefix = pathText(["stages", stage]);
  return problems.filter(
    (problem) =>
      problem.message.endsWith("this version does not act on it") &&
      (problem.path.startsWith(`${prefix}.`) || problem.path.startsWith("tasks.")),
  );
}
