import type { DockerIgnore } from "../build/dockerignore.ts";
import type { DevSettings, ImageDefinition } from "../environment/model.ts";
import type { PathKind, Verdict } from "./verdict.ts";

/** Says of each path of a build context what a change of it is to do. Pure, and never throws. */
export interface SyncRules {
  /** `path` is relative to the context, with slashes; it need not exist. */
  judge(path: string, kind?: PathKind): Verdict;
}

/** How the built image runs, which its Dockerfile may leave to a base image. */
export interface BuiltImage {
  readonly workdir: string;
  readonly user: string;
  readonly command: readonly string[] | undefined;
  readonly entrypoint: readonly string[] | undefined;
}

export interface SyncRulesInput {
  /** `path` is absolute. */
  readonly dockerfile: { readonly path: string; readonly text: string };
  readonly image: ImageDefinition;
  readonly ignore: DockerIgnore;
  /** The ignore file in force, absolute. */
  readonly ignoreFile: string | undefined;
  readonly settings: DevSettings;
  /** Folder of the environment file: what the paths of explicit rules are relative to. */
  readonly directory: string;
  /** What runs instead of the image's own entry point and command, before `settings` has its say. */
  readonly app: {
    readonly command: readonly string[] | undefined;
    readonly entrypoint: readonly string[] | undefined;
  };
  /** Undefined while there is no image: what only a base image tells is then unknown, and makes a rebuild. */
  readonly built: BuiltImage | undefined;
  /** The context's symbolic links, by path: COPY follows those that it names. Make the rules anew when they change. */
  readonly links?: ReadonlyMap<string, string>;
}

export function syncRules(_input: SyncRulesInput): SyncRules {
  return { judge: () => ({ action: "rebuild", why: "nothing is inferred yet", at: undefined }) };
}
