import { type ImageReference, parseImageReference } from "../base/reference.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { type DockerfileStage, readStages, type StageStep, sourceOf, targetStage } from "./dockerfile-stages.ts";

/** An image from elsewhere that a build takes something from. */
export interface BaseImage {
  /** `base`: FROM; `copied-from`: `COPY --from` or a mount of it; `frontend`: what reads the Dockerfile. */
  readonly use: "base" | "copied-from" | "frontend";
  /** As it stands in the Dockerfile, arguments filled in; where they cannot be, as it is written. */
  readonly text: string;
  /** Undefined where the Dockerfile alone does not tell which image it is. */
  readonly image: ImageReference | undefined;
}

/** All images that a build of this target needs, each once, in the order of the Dockerfile. */
export function baseImages(
  text: string,
  build: { readonly args: Readonly<Record<string, string>>; readonly target: string | undefined },
): BaseImage[] {
  const dockerfile = parseDockerfile(text);
  const stages = readStages(dockerfile, { args: build.args });
  const found = new Map<string, BaseImage>();
  const add = (use: BaseImage["use"], name: string, known: boolean) => {
    const image = known ? parseImageReference(name) : undefined;
    if (!found.has(name)) found.set(name, { use, text: name, image });
  };
  if (dockerfile.syntax !== undefined) add("frontend", dockerfile.syntax, true);
  for (const stage of neededStages(stages, build.target)) {
    if (stage.from.kind === "image") add("base", stage.from.name, true);
    if (stage.from.kind === "unknown") add("base", fromLine(text, stage), false);
    for (const source of sourcesOf(stage, stages)) {
      if (source.kind === "image") add("copied-from", source.name, true);
      if (source.kind === "unknown") add("copied-from", source.text, false);
    }
  }
  return [...found.values()];
}

/** The target, and every stage that it begins with or copies from. */
function neededStages(stages: readonly DockerfileStage[], target: string | undefined): DockerfileStage[] {
  const needed = new Set<number>();
  const visit = (stage: DockerfileStage | undefined) => {
    if (!stage || needed.has(stage.index)) return;
    needed.add(stage.index);
    if (stage.from.kind === "stage") visit(stages[stage.from.stage]);
    for (const source of sourcesOf(stage, stages)) if (source.kind === "stage") visit(stages[source.stage]);
  };
  visit(targetStage(stages, target));
  return stages.filter(({ index }) => needed.has(index));
}

type Source =
  | { readonly kind: "stage"; readonly stage: number }
  | { readonly kind: "image"; readonly name: string }
  | { readonly kind: "unknown"; readonly text: string };

function sourcesOf(stage: DockerfileStage, stages: readonly DockerfileStage[]): Source[] {
  const above = stages.slice(0, stage.index);
  return stage.steps.flatMap((step) =>
    fromWords(step).flatMap((word): Source[] => {
      const source = sourceOf(step.variables.fill(word), above);
      if (source.kind === "stage" || source.kind === "image") return [source];
      return source.kind === "unknown" ? [{ kind: "unknown", text: step.instruction.text }] : [];
    }),
  );
}

/** `COPY --from=x` and `RUN --mount=from=x,…`. */
function fromWords({ instruction }: StageStep): string[] {
  const { keyword, flags } = instruction;
  return flags.flatMap(({ name, value = "" }) => {
    if (keyword === "COPY" && name === "from") return [value];
    if (keyword !== "RUN" || name !== "mount") return [];
    return value.split(",").flatMap((part) => /^from=(.+)$/.exec(part)?.[1] ?? []);
  });
}

function fromLine(text: string, stage: DockerfileStage): string {
  return (text.split("\n")[stage.line - 1] ?? "").trim();
}
