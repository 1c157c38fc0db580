import { posix } from "node:path";
import { type PathPattern, parsePathPattern } from "../base/path-pattern.ts";
import type { DockerfileInstruction } from "../build/dockerfile.ts";
import {
  type DockerfileStage,
  fileWords,
  type StageSource,
  type StageStep,
  sourceOf,
} from "../build/dockerfile-stages.ts";
import { type Filled, jsonWords } from "../build/dockerfile-words.ts";
import { type CopyPlan, type CopySource, copySource } from "./copy-mapping.ts";
import { type ModeChange, parseMode } from "./mode.ts";
import { type RunEffect, runEffects } from "./run-effects.ts";
import type { Owner } from "./verdict.ts";

/** What an instruction does to files, as far as that does not depend on which file is asked for. */
export type LayoutStep =
  | {
      readonly kind: "copy";
      readonly instruction: DockerfileInstruction;
      readonly from: StageSource;
      /** Undefined where not even its sources can be told. */
      readonly plan: CopyPlan | undefined;
      /** Why it cannot be told where its sources go, or as whose; undefined where it can. */
      readonly unclear: string | undefined;
      readonly owner: Owner | undefined;
      readonly mode: ModeChange | undefined;
      /** Absolute paths of files that it writes from here-documents and URLs, over what may be there. */
      readonly inline: readonly string[];
    }
  | {
      readonly kind: "run";
      readonly instruction: DockerfileInstruction;
      /** Undefined where it may use anything. */
      readonly effects: readonly RunEffect[] | undefined;
      readonly mounts: readonly BindMount[];
    }
  /** Of this instruction nothing is known. */
  | { readonly kind: "strange"; readonly instruction: DockerfileInstruction };

/** `RUN --mount=type=bind`: files that a command sees without their being copied. */
interface BindMount {
  readonly from: StageSource;
  /** Relative to the context, or to the root of the stage; empty for all of it. Undefined where it cannot be told. */
  readonly source: string | undefined;
}

export interface StageLayout {
  readonly stage: DockerfileStage;
  readonly steps: readonly LayoutStep[];
  readonly workdir: string | undefined;
  readonly folders: ReadonlySet<string>;
}

/** What changes no file. */
const inert = new Set([
  "ARG",
  "CMD",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  // What it adds stands in the stages that begin with this one.
  "ONBUILD",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
]);

/** Folders that every image has in which a file can be put at all. */
const usual = [
  "/",
  "/bin",
  "/etc",
  "/home",
  "/opt",
  "/root",
  "/srv",
  "/tmp",
  "/usr",
  "/usr/bin",
  "/usr/local",
  "/usr/local/bin",
  "/var",
];

/** `above`: the layouts of the stages above. `workdir`: what the base image has, where that is known. */
export function layOut(
  stage: DockerfileStage,
  stages: readonly DockerfileStage[],
  above: readonly StageLayout[],
  workdir: string | undefined,
): StageLayout {
  return new Draft(stage, stages, above, workdir).layOut();
}

class Draft {
  readonly #stage: DockerfileStage;
  readonly #stages: readonly DockerfileStage[];
  readonly #folders: Set<string>;
  /** An image without a base has no other folders than those that are made. */
  readonly #closed: boolean;
  /** What was copied, where it may have been a folder. */
  readonly #filled: string[] = [];
  #workdir: string | undefined;
  #shell = true;

  constructor(
    stage: DockerfileStage,
    stages: readonly DockerfileStage[],
    above: readonly StageLayout[],
    workdir: string | undefined,
  ) {
    this.#stage = stage;
    this.#stages = stages.slice(0, stage.index);
    const { from } = stage;
    const parent = from.kind === "stage" ? above[from.stage] : undefined;
    this.#closed = from.kind === "scratch";
    this.#workdir = parent ? parent.workdir : this.#closed ? "/" : workdir;
    this.#folders = new Set(parent ? parent.folders : this.#closed ? ["/"] : usual);
  }

  layOut(): StageLayout {
    const steps = this.#stage.steps.flatMap((step) => this.#read(step));
    return {
      stage: this.#stage,
      steps,
      workdir: this.#workdir,
      folders: this.#folders,
    };
  }

  #read(step: StageStep): LayoutStep[] {
    const { instruction, variables } = step;
    const { keyword } = instruction;
    if (inert.has(keyword)) return [];
    switch (keyword) {
      case "WORKDIR":
        this.#workdir = this.#resolve(variables.fill(instruction.rest))?.replace(/(?<=.)\/$/, "");
        this.#addFolder(this.#workdir);
        return [];
      case "SHELL":
        this.#shell = /^(?:.*\/)?(?:ba|da|a)?sh$/.test(jsonWords(instruction.rest)?.[0] ?? "");
        return [];
      case "COPY":
      case "ADD":
        return [this.#copy(step)];
      case "RUN":
        return [this.#run(step)];
      default:
        return [{ kind: "strange", instruction }];
    }
  }

  #resolve(path: Filled): string | undefined {
    if (!path.known) return undefined;
    if (path.text.startsWith("/")) return posix.normalize(path.text);
    return this.#workdir === undefined ? undefined : posix.join(this.#workdir, path.text);
  }

  #addFolder(path: string | undefined): void {
    for (let at = path; at !== undefined && !this.#folders.has(at); at = posix.dirname(at)) this.#folders.add(at);
  }

  #copy(step: StageStep): LayoutStep {
    const { instruction, variables } = step;
    const flags = new Map(instruction.flags.map((flag) => [flag.name, variables.fill(flag.value ?? "true")]));
    const fromFlag = flags.get("from");
    const from: StageSource = fromFlag ? sourceOf(fromFlag, this.#stages) : { kind: "context" };
    const words = fileWords(step);
    const target = words.at(-1);
    const owner = parseOwner(flags.get("chown"));
    const mode = parseMode(flags.get("chmod")?.text ?? "");
    const absolute = target && this.#resolve(target);
    const place = (absolute ?? "/").replace(/(?<=.)\/$/, "");
    const parents = isOn(flags.get("parents"));
    const intoFolder =
      isFolder(target) || words.length > 2 || parents ? true : isOn(flags.get("link")) ? false : this.#isFolder(place);
    if (absolute !== undefined) this.#addFolder(intoFolder ? place : posix.dirname(place));
    this.#filled.push(place === "/" ? "" : place);
    const strange = [...flags].find(([name, { known }]) => !knownFlags.has(name) || !known)?.[0];
    const unclear =
      strange !== undefined
        ? `\`--${strange}\` is not understood`
        : absolute === undefined
          ? target?.known
            ? "the base image's WORKDIR is not known"
            : "a variable in it is set by the base image, or by the builder"
          : (flags.has("chown") && !owner) || (flags.has("chmod") && !mode)
            ? "whose file it becomes, or with which mode, is not understood"
            : undefined;
    const sources = readSources(words.slice(0, -1));
    const exclude = this.#exclude(step);
    return {
      kind: "copy",
      instruction,
      from,
      unclear,
      owner,
      mode,
      plan: sources &&
        exclude && { unpacks: instruction.keyword === "ADD", sources, target: place, intoFolder, parents, exclude },
      inline: inlineFiles(step, words.slice(0, -1), place, intoFolder === true),
    };
  }

  #exclude({ instruction, variables }: StageStep): PathPattern[] | undefined {
    const given = instruction.flags.flatMap((flag) =>
      flag.name === "exclude" ? [variables.fill(flag.value ?? "")] : [],
    );
    const patterns = given.map(({ text, known }) => (known ? parsePathPattern(text) : undefined));
    return patterns.every((pattern) => pattern !== undefined) ? patterns : undefined;
  }

  /** Undefined where only the base image knows. */
  #isFolder(path: string): boolean | undefined {
    if (this.#folders.has(path)) return true;
    return this.#closed && !this.#filled.some((place) => path === place || path.startsWith(`${place}/`))
      ? false
      : undefined;
  }

  #run(step: StageStep): LayoutStep {
    const { instruction } = step;
    const effects = runEffects(step, this.#workdir, this.#shell);
    for (const effect of effects ?? []) if (effect.kind === "makes-folder") this.#addFolder(effect.path);
    return { kind: "run", instruction, effects, mounts: this.#mounts(step) };
  }

  #mounts({ instruction, variables }: StageStep): BindMount[] {
    return instruction.flags.flatMap((flag): BindMount[] => {
      if (flag.name !== "mount") return [];
      const options = new Map(
        (flag.value ?? "").split(",").map((part): [string, string] => {
          const [name = "", ...value] = part.split("=");
          return [name.trim().toLowerCase(), value.join("=")];
        }),
      );
      if ((options.get("type") ?? "bind") !== "bind") return [];
      const from = options.get("from");
      const source = variables.fill(options.get("source") ?? options.get("src") ?? "");
      return [
        {
          from: from === undefined ? { kind: "context" } : sourceOf(variables.fill(from), this.#stages),
          source: source.known ? posix.normalize(`/${source.text}`).replace(/^\/+|\/+$/g, "") : undefined,
        },
      ];
    });
  }
}

const knownFlags = new Set(["from", "chown", "chmod", "link", "parents", "exclude", "checksum", "keep-git-dir"]);

function isOn(flag: Filled | undefined): boolean {
  return flag !== undefined && flag.text !== "false";
}

/** A slash or a dot at the end says so. */
function isFolder(target: Filled | undefined): boolean {
  return target !== undefined && /(?:^|\/)\.{0,2}$/.test(target.text);
}

const remote = /^(?:https?|ftp|git|ssh):\/\/|^git@/;

/** Those that are files; undefined where one of them cannot be told. */
function readSources(words: readonly Filled[]): CopySource[] | undefined {
  const own = words.filter(({ text }) => !text.startsWith("<<") && !remote.test(text));
  const sources = own.map(({ text, known }) => (known ? copySource(text) : undefined));
  return sources.every((source) => source !== undefined) ? sources : undefined;
}

function inlineFiles({ instruction }: StageStep, words: readonly Filled[], target: string, folder: boolean): string[] {
  const urls = words.flatMap(({ text }) => (remote.test(text) ? [posix.basename(text)] : []));
  const names = [...instruction.heredocs.map(({ name }) => name), ...urls];
  return names.map((name) => (folder ? posix.join(target, name) : target));
}

/** Builders take the user's own group where none is named, and for a number the same number. */
function parseOwner(flag: Filled | undefined): Owner | undefined {
  const { user, group } = /^(?<user>[\w.-]+)(?::(?<group>[\w.-]+))?$/.exec(flag?.text ?? "")?.groups ?? {};
  if (user === undefined) return undefined;
  return { user, group: group ?? (/^\d+$/.test(user) ? user : undefined) };
}
