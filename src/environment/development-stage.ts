import type { Environment, Stage } from "./model.ts";

/** The stage that `envctl dev` runs unless another is named: `dev`, or else the first that is built from the sources. */
export function developmentStage(environment: Pick<Environment, "stages">): Stage | undefined {
  const { stages } = environment;
  return (
    stages.find((stage) => stage.name === "dev" && stage.after.length === 0) ??
    stages.find((stage) => stage.after.length === 0)
  );
}
