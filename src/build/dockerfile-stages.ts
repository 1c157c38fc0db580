import { type Dockerfile, type DockerfileInstruction, parseDockerfile } from "./dockerfile.ts";
import { Variables } from "./dockerfile-variables.ts";
import { type Filled, jsonWords } from "./dockerfile-words.ts";

/** Where a stage begins, or where COPY takes files from. */
export type StageSource =
  | { readonly kind: "context" }
  /** Index of a stage above. */
  | { readonly kind: "stage"; readonly stage: number }
  | { readonly kind: "scratch" }
  | { readonly kind: "image"; readonly name: string }
  /** A variable hides it. */
  | { readonly kind: "unknown" };

/** One instruction of a stage, with its variables filled in. */
export interface StageStep {
  readonly instruction: DockerfileInstruction;
  /** What holds before the instruction. */
  readonly variables: Variables;
}

export interface DockerfileStage {
  readonly index: number;
  readonly name: string | undefined;
  readonly line: number;
  readonly from: StageSource;
  readonly steps: readonly StageStep[];
  /** Variables at the stage's end. */
  readonly variables: Variables;
  /** False where the image that it begins with may add instructions (ONBUILD) that nobody knows here. */
  readonly whole: boolean;
}

export interface StageOptions {
  /** Build arguments. */
  readonly args: Readonly<Record<string, string>>;
  /** What the base image of one stage sets: the environment of the image that was built has it, too. */
  readonly base?: { readonly stage: number; readonly environment: Readonly<Record<string, string>> } | undefined;
  /** What base images add to each stage that begins with them (ONBUILD), by their names in FROM; unknown ones are not in it. */
  readonly onBuild?: ReadonlyMap<string, readonly string[]> | undefined;
}

/** The stages of a Dockerfile in their order, all variables of each place worked out. Never throws. */
export function readStages(dockerfile: Dockerfile, options: StageOptions): readonly DockerfileStage[] {
  const stages: Draft[] = [];
  let globals = Variables.beforeStages(dockerfile.escapeCharacter, options.args);
  for (const instruction of dockerfile.instructions) {
    const stage = stages.at(-1);
    const { keyword, rest } = instruction;
    if (keyword === "FROM") {
      const begun = begin(dockerfile, instruction, stages, globals, options);
      for (const trigger of triggersOf(begun, stages, options)) take(begun, trigger, options, globals);
      stages.push(begun);
    } else if (!stage) {
      if (keyword === "ARG") globals = globals.arg(rest, options.args, undefined);
    } else {
      take(stage, instruction, options, globals);
    }
  }
  return stages;
}

function take(stage: Draft, instruction: DockerfileInstruction, options: StageOptions, globals: Variables): void {
  const { keyword, rest } = instruction;
  stage.steps.push({ instruction, variables: stage.variables });
  if (keyword === "ENV") stage.variables = stage.variables.env(rest);
  if (keyword === "ARG") stage.variables = stage.variables.arg(rest, options.args, globals);
}

/** What the image or the stage that it begins with adds, as if it stood right behind FROM. Not what those began with. */
function triggersOf({ from, line }: Draft, above: readonly Draft[], options: StageOptions): DockerfileInstruction[] {
  const steps = from.kind === "stage" ? (above[from.stage]?.steps ?? []) : [];
  const own = steps.flatMap(({ instruction }) => (instruction.keyword === "ONBUILD" ? [instruction.rest] : []));
  const given = from.kind === "image" ? (options.onBuild?.get(from.name) ?? []) : own;
  return given.flatMap((text) =>
    parseDockerfile(text).instructions.map((instruction) => ({
      ...instruction,
      ...{ line, lastLine: line, text: `ONBUILD ${instruction.text}` },
    })),
  );
}

/** The stage that is built: by name or number, else the last. Undefined where there is none of that name. */
export function targetStage(
  stages: readonly DockerfileStage[],
  target: string | undefined,
): DockerfileStage | undefined {
  if (target === undefined) return stages.at(-1);
  const found = findStage(stages, target);
  return found === undefined ? undefined : stages[found];
}

/** Where `--from` points: a stage by its name or number, else an image. */
export function sourceOf(from: Filled, stages: readonly DockerfileStage[]): StageSource {
  if (!from.known) return { kind: "unknown" };
  const stage = findStage(stages, from.text);
  return stage === undefined ? { kind: "image", name: from.text } : { kind: "stage", stage };
}

/** The words of COPY or ADD: variables filled in, in either form. */
export function fileWords(step: StageStep): Filled[] {
  const { rest } = step.instruction;
  const words = jsonWords(rest) ?? rest.split(/\s+/).filter((word) => word !== "");
  return words.map((word) => step.variables.fill(word));
}

interface Draft extends DockerfileStage {
  readonly steps: StageStep[];
  variables: Variables;
}

function begin(
  dockerfile: Dockerfile,
  instruction: DockerfileInstruction,
  above: readonly Draft[],
  globals: Variables,
  options: StageOptions,
): Draft {
  const [image = "", as, name] = instruction.rest.split(/\s+/);
  const from = baseOf(globals.fill(image), above);
  const parent = from.kind === "stage" ? above[from.stage] : undefined;
  const base = options.base?.stage === above.length ? options.base.environment : undefined;
  return {
    index: above.length,
    name: as?.toUpperCase() === "AS" ? name : undefined,
    line: instruction.line,
    from,
    steps: [],
    whole: from.kind !== "image" || options.onBuild?.has(from.name) === true,
    variables: parent
      ? parent.variables.inherited()
      : new Variables(dockerfile.escapeCharacter, from.kind === "scratch" ? {} : base),
  };
}

function baseOf(image: Filled, above: readonly DockerfileStage[]): StageSource {
  if (!image.known) return { kind: "unknown" };
  // Unlike `--from`, FROM knows no numbers.
  const stage = findName(above, image.text);
  if (stage !== undefined) return { kind: "stage", stage };
  return image.text === "scratch" ? { kind: "scratch" } : { kind: "image", name: image.text };
}

function findStage(stages: readonly DockerfileStage[], wanted: string): number | undefined {
  const named = findName(stages, wanted);
  if (named !== undefined) return named;
  const index = /^\d+$/.test(wanted) ? Number(wanted) : -1;
  return stages[index] ? index : undefined;
}

/** Of several with one name the last counts. */
function findName(stages: readonly DockerfileStage[], wanted: string): number | undefined {
  const index = stages.findLastIndex((stage) => stage.name?.toLowerCase() === wanted.toLowerCase());
  return index < 0 ? undefined : index;
}
