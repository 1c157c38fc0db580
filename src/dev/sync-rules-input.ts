import type { DockerIgnore } from "../build/dockerignore.ts";
import type { DevSettings, ImageDefinition, VolumeMount } from "../environment/model.ts";

/** How the built image runs, which its Dockerfile may leave to a base image. */
export interface BuiltImage {
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
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
  /** Absolute paths of what envctl itself reads and writes: no program of the image does. */
  readonly ownFiles: readonly string[];
  /** The app as the stage runs it, before `settings` has its say. */
  readonly app: {
    readonly command: readonly string[] | undefined;
    readonly entrypoint: readonly string[] | undefined;
    readonly volumes: readonly VolumeMount[];
  };
  /** Undefined while there is no image: what only a base image tells is then unknown, and makes a rebuild. */
  readonly built: BuiltImage | undefined;
  /** The context's symbolic links, by path: COPY follows those that it names. Make the rules anew when they change. */
  readonly links?: ReadonlyMap<string, string>;
  /** What base images add to what is made of them (ONBUILD), by their names in FROM; unknown ones are not in it. */
  readonly onBuild?: ReadonlyMap<string, readonly string[]>;
  /** Scripts of the context's package.json, for commands such as `npm start`. */
  readonly scripts?: Readonly<Record<string, string>>;
}
