import { parseDockerfile } from "../build/dockerfile.ts";
import { type DockerfileStage, readStages, type StageStep, targetStage } from "../build/dockerfile-stages.ts";

/** One stage of a Dockerfile, as far as it tells how its image runs. */
export interface RunnableStage {
  /** The image it begins with; empty for a stage above. */
  readonly from: string;
  /** TCP ports of EXPOSE, in their order. */
  readonly ports: number[];
  readonly environment: Record<string, string>;
  command: string | undefined;
  /** What HEALTHCHECK says; `NONE` switches off what was inherited. */
  healthcheck: string | undefined;
}

/** The last stage, then the stages it is made from, nearest first: what the first says goes before what the others say. */
export function readDockerfile(text: string): readonly RunnableStage[] {
  const stages = readStages(parseDockerfile(text), { args: {} });
  const chain: RunnableStage[] = [];
  for (let stage = targetStage(stages, undefined); stage; ) {
    chain.push(readStage(stage));
    stage = stage.from.kind === "stage" ? stages[stage.from.stage] : undefined;
  }
  return chain;
}

function readStage(stage: DockerfileStage): RunnableStage {
  const { from, variables } = stage;
  const read: RunnableStage = {
    from: from.kind === "image" ? from.name : "",
    ports: [],
    environment: variables.environment,
    command: undefined,
    healthcheck: undefined,
  };
  for (const step of stage.steps) readInto(read, step);
  return read;
}

function readInto(read: RunnableStage, { instruction, variables }: StageStep): void {
  // What a base image may set is left empty: a port that is not to be told is none.
  const { text } = variables.fill(instruction.rest);
  switch (instruction.keyword) {
    case "EXPOSE":
      for (const part of text.split(/\s+/)) {
        const port = Number(/^(\d{1,5})(?:\/tcp)?$/i.exec(part)?.[1]);
        if (port >= 1 && port <= 65_535) read.ports.push(port);
      }
      break;
    case "CMD":
    case "ENTRYPOINT":
      read.command = `${read.command ?? ""} ${text}`;
      break;
    case "HEALTHCHECK":
      read.healthcheck = text;
      break;
  }
}
