import { posix } from "node:path";
import { parseDockerfile } from "../build/dockerfile.ts";
import { type DockerfileStage, readStages, targetStage } from "../build/dockerfile-stages.ts";
import { matchSource } from "./copy-mapping.ts";
import { commandOf, type ImageCommand } from "./program.ts";
import { layOut, type StageLayout } from "./stage-layout.ts";
import type { SyncRulesInput } from "./sync-rules-input.ts";
import { type Trace, tracePath, type Use } from "./trace.ts";
import type { PathKind } from "./verdict.ts";

/** A Dockerfile, read for what becomes of the files of its context. */
export interface ImageReading {
  /** Why nothing can be inferred at all. */
  readonly trouble: { readonly why: string; readonly line: number | undefined } | undefined;
  /** Undefined where a base image tells it alone. */
  readonly command: ImageCommand | undefined;
  /** Name of the image that the built stage goes back to. */
  readonly base: string | undefined;
  /** An image that it is made of, and of which it is not known what it takes by itself (ONBUILD). */
  readonly unknownBase: string | undefined;
  /** Whether the targets of all that is copied are known. */
  readonly complete: boolean;
  trace(path: string, kind: PathKind): Trace;
  /** Whether the builder comes to this path through a symbolic link that a COPY names. */
  followed(path: string): Use | undefined;
}

const ownFrontend = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/;

export function readImage(
  input: Pick<SyncRulesInput, "dockerfile" | "image" | "built" | "links" | "onBuild">,
): ImageReading {
  const { image, built, onBuild } = input;
  const dockerfile = parseDockerfile(input.dockerfile.text);
  const options = { args: image.args, onBuild };
  const first = readStages(dockerfile, options);
  const chain = chainOf(first, targetStage(first, image.target));
  const root = chain[0];
  const stages =
    built && root ? readStages(dockerfile, { ...options, base: { stage: root.index, environment: built.env } }) : first;
  const target = targetStage(stages, image.target);
  const layouts: StageLayout[] = [];
  for (const stage of stages) {
    // The built image has the base image's working directory only where no stage in between has changed it.
    const kept = stage.index === root?.index && !chain.some(({ steps }) => steps.some(changesWorkdir));
    layouts.push(layOut(stage, stages, layouts, kept && built ? built.workdir || "/" : undefined));
  }
  const needed = new Set<number>();
  if (target) need(layouts, target.index, needed);
  const links = followedLinks(input, layouts, needed);
  const { syntax } = dockerfile;
  return {
    trouble:
      syntax !== undefined && !ownFrontend.test(syntax)
        ? { why: `the Dockerfile is for ${syntax}, which is not known here`, line: undefined }
        : target
          ? undefined
          : { why: `the Dockerfile has no stage ${image.target ?? "at all"}`, line: undefined },
    command: target && commandOf(stages, target),
    complete: layouts
      .filter(({ stage }) => needed.has(stage.index))
      .every(({ steps }) => steps.every((step) => step.kind !== "copy" || (step.plan && step.unclear === undefined))),
    unknownBase: layouts.flatMap(({ stage: { index, from, whole } }) =>
      !whole && from.kind === "image" && needed.has(index) ? [from.name] : [],
    )[0],
    base: root?.from.kind === "image" ? root.from.name : undefined,
    trace: (path, kind) =>
      target ? tracePath(layouts, target.index, path, kind) : { placements: [], used: undefined },
    followed: (path) => links.find(({ to }) => path === to || path.startsWith(`${to}/`) || to === "")?.use,
  };
}

/** The images that the stages of a Dockerfile begin with, as FROM names them. */
export function baseNames(text: string, args: Readonly<Record<string, string>>): readonly string[] {
  const stages = readStages(parseDockerfile(text), { args });
  return stages.flatMap(({ from }) => (from.kind === "image" ? [from.name] : []));
}

/** From the stage that begins with an image to the one that is built. */
function chainOf(stages: readonly DockerfileStage[], target: DockerfileStage | undefined): DockerfileStage[] {
  const chain: DockerfileStage[] = [];
  for (let stage = target; stage; ) {
    chain.unshift(stage);
    stage = stage.from.kind === "stage" ? stages[stage.from.stage] : undefined;
  }
  return chain;
}

function changesWorkdir({ instruction }: DockerfileStage["steps"][number]): boolean {
  return instruction.keyword === "WORKDIR";
}

/** The stages that the built one is made from, in any way. */
function need(layouts: readonly StageLayout[], index: number, needed: Set<number>): void {
  const layout = layouts[index];
  if (!layout || needed.has(index)) return;
  needed.add(index);
  const sources = [
    layout.stage.from,
    ...layout.steps.flatMap((step) =>
      step.kind === "copy" ? [step.from] : step.kind === "run" ? step.mounts.map(({ from }) => from) : [],
    ),
  ];
  for (const source of sources) if (source.kind === "stage") need(layouts, source.stage, needed);
}

interface FollowedLink {
  /** Where it leads, relative to the context; empty for the context itself. */
  readonly to: string;
  readonly use: Use;
}

/** Links that a COPY names, or that are on the way to what it names: a change of what they lead to is a change of the image. */
function followedLinks(
  { links }: Pick<SyncRulesInput, "links">,
  layouts: readonly StageLayout[],
  needed: ReadonlySet<number>,
): FollowedLink[] {
  const copies = layouts
    .filter(({ stage }) => needed.has(stage.index))
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (step.kind === "copy" && step.from.kind === "context" ? [step] : []));
  return [...(links ?? [])].flatMap(([path, target]) =>
    copies.flatMap(({ instruction, plan }): FollowedLink[] => {
      const named = (plan?.sources ?? []).some((source) => {
        const match = matchSource(source, path, plan?.parents ?? false);
        return (match.kind === "match" && match.rest === "") || source.path.startsWith(`${path}/`);
      });
      if (!named) return [];
      const to = posix.join(posix.dirname(`/${path}`), target).replace(/^\/+|\/+$/g, "");
      return [{ to, use: { why: `COPY follows the link ${path} to it`, line: instruction.line } }];
    }),
  );
}
