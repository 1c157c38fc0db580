import type { ImageDefinition } from "../environment/model.ts";
import type { Builder } from "./builder.ts";

/** What the command line of one build is made of. */
export interface BuildCommand {
  readonly builder: Builder;
  readonly image: ImageDefinition;
  readonly labels: Readonly<Record<string, string>>;
  /** Local name; undefined leaves the image without one. */
  readonly tag: string | undefined;
  /** Push under this reference instead of loading the image into the engine. */
  readonly push: string | undefined;
  readonly commitTime: Date | undefined;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly secretOptions: readonly string[];
  /** Where the builder writes the image's id, or its metadata when it pushes. */
  readonly resultFile: string;
}

/** The arguments behind the binary's name. Pure; holds no secret values. */
export function buildArguments(command: BuildCommand): readonly string[] {
  const { builder, image } = command;
  const modern = builder.kind !== "classic";
  return [
    ...(builder.kind === "buildx" ? ["buildx", "build"] : ["build"]),
    ...(modern ? ["--progress=plain"] : []),
    ...output(command),
    ...attestations(builder),
    ...(command.noCache ? ["--no-cache"] : []),
    ...(command.pull ? ["--pull"] : []),
    ...(image.target === undefined ? [] : ["--target", image.target]),
    ...(image.platforms.length === 0 ? [] : ["--platform", image.platforms.join(",")]),
    ...Object.entries(image.args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...(modern ? sourceDate(command) : []),
    ...command.secretOptions,
    ...Object.entries(command.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    "--file",
    image.dockerfile,
    "--",
    image.context,
  ];
}

function output(command: BuildCommand): readonly string[] {
  if (command.push !== undefined) {
    return ["--push", "--tag", command.push, "--metadata-file", command.resultFile];
  }
  return [
    // A builder in a container of its own keeps its images to itself unless told otherwise.
    ...(command.builder.kind === "buildx" ? ["--load"] : []),
    "--iidfile",
    command.resultFile,
    ...(command.tag === undefined ? [] : ["--tag", command.tag]),
  ];
}

/**
 * Provenance attestations hold the time of the build: with them every build of the same inputs has another digest, and one
 * platform becomes an index. buildx knows the option from 0.10 on, which is when it began to add them.
 */
function attestations(builder: Builder): readonly string[] {
  if (builder.kind !== "buildx") return [];
  const [major = 0, minor = 0] = builder.version.split(".").map((part) => Number.parseInt(part, 10));
  return major > 0 || minor >= 10 ? ["--provenance=false"] : [];
}

/** https://reproducible-builds.org/docs/source-date-epoch: the commit's time instead of the clock's. */
function sourceDate(command: BuildCommand): readonly string[] {
  if (command.commitTime === undefined || command.image.args.SOURCE_DATE_EPOCH !== undefined) return [];
  return ["--build-arg", `SOURCE_DATE_EPOCH=${Math.floor(command.commitTime.getTime() / 1000)}`];
}
