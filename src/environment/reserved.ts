import type { EnvironmentDocument } from "./document.ts";
import type { Problem } from "./model.ts";
import { type Problems, pathText } from "./problems.ts";

/** Keys that belong to the format, and on which this version does not act: saying nothing would be a promise not kept. */
const stageKeys: Readonly<Record<string, string>> = {
  gates: "a promotion is not held back by them",
  auto: "nothing is promoted by itself",
};
/** Reports each use as a warning; verbs that change a stage refuse with those that concern it (`reservedIn`). */
export function reportReserved(document: EnvironmentDocument, problems: Problems): void {
  for (const [name, stage] of Object.entries(document.stages)) {
    for (const [key, instead] of Object.entries(stageKeys)) {
      if (stage && key in stage) problems.warning(["stages", name, key], notYet(key), instead);
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
    (problem) => problem.message.endsWith("this version does not act on it") && problem.path.startsWith(`${prefix}.`),
  );
}
