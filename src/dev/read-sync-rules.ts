import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, findIgnoreFile, readDockerfile, resolveRoot } from "../build/context.ts";
import { DockerIgnore } from "../build/dockerignore.ts";
import type { ObservedImage } from "../engine/engine.ts";
import type { Environment, Stage, Workload } from "../environment/model.ts";
import { lockFileOf } from "../promotion/pins.ts";
import type { ReadTriggers } from "./base-images.ts";
import { baseNames } from "./image-reading.ts";
import { type SyncRules, syncRules } from "./sync-rules.ts";
import type { BuiltImage } from "./sync-rules-input.ts";

export interface ReadRulesOptions {
  /** The image that was built last, as an engine has it. */
  readonly built: ObservedImage | undefined;
  /** The context's symbolic links, by path. */
  readonly links: ReadonlyMap<string, string>;
  readonly readTriggers: ReadTriggers;
  /** Whose program is to see what changed: the app's unless given. */
  readonly worker?: Workload;
}

/**
 * The rules as the Dockerfile, the ignore file and package.json have them now. Throws what `listContext` throws for files
 * that are missing or malformed.
 */
export async function readSyncRules(
  environment: Environment,
  stage: Stage,
  options: ReadRulesOptions,
): Promise<SyncRules> {
  const { image, dev, directory } = environment;
  const root = await resolveRoot(image.context);
  const [dockerfile, ignoreFile, scripts] = await Promise.all([
    readDockerfile(image.dockerfile),
    findIgnoreFile(root, image.dockerfile),
    readScripts(root),
  ]);
  const text = dockerfile.toString("utf8");
  return syncRules({
    dockerfile: { path: image.dockerfile, text },
    image,
    ignore: ignoreFile ? DockerIgnore.parse(ignoreFile.text, ignoreFile.file) : DockerIgnore.none,
    ignoreFile: ignoreFile?.file,
    // What `dev` runs instead of a program, it runs instead of the app's.
    settings: options.worker ? { ...dev, command: undefined, entrypoint: undefined } : dev,
    directory,
    ownFiles: [environment.file, lockFileOf(directory)],
    app: options.worker ?? stage.app,
    built: options.built && builtImage(options.built),
    links: options.links,
    onBuild: await options.readTriggers(baseNames(text, image.args)),
    scripts,
  });
}

export function linksOf(entries: BuildContext["entries"]): ReadonlyMap<string, string> {
  return new Map(entries.flatMap((entry) => (entry.kind === "symlink" ? [[entry.path, entry.target] as const] : [])));
}

function builtImage({ workdir, env, command, entrypoint }: ObservedImage): BuiltImage {
  return { workdir, env, command, entrypoint };
}

/** What `npm start` and the like stand for. A file that is missing or broken only means that it is not known. */
async function readScripts(root: string): Promise<Readonly<Record<string, string>>> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const scripts: unknown =
      typeof manifest === "object" && manifest !== null && "scripts" in manifest ? manifest.scripts : {};
    const entries = typeof scripts === "object" && scripts !== null ? Object.entries(scripts) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return {};
  }
}
