import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../base/cache-directory.ts";
import { findIgnoreFile, ignoreFiles } from "../build/context.ts";
import type { DockerIgnore } from "../build/dockerignore.ts";
import type { Tree } from "../build/tree.ts";
import type { Environment } from "../environment/model.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { LocalTree } from "./local-tree.ts";

/** What a look at the sources found. */
export interface SourcesChange {
  /** Relative to the build context. */
  readonly changed: readonly string[];
  readonly unsettled: readonly string[];
  readonly ignoreChanged: boolean;
  /** What may not be read any more. */
  readonly notes: readonly string[];
}

/** All that a build is made of, as it is on disk now. */
export class Sources {
  readonly #environment: Environment;
  readonly #local: LocalTree;
  readonly #signal: AbortSignal;
  /** Counts up with each change of the tree. */
  version = 1;
  /** Texts of the Dockerfile and of the ignore file in force; empty where there is none. */
  texts: readonly [dockerfile: string, ignore: string] = ["", ""];

  private constructor(environment: Environment, local: LocalTree, signal: AbortSignal) {
    this.#environment = environment;
    this.#local = local;
    this.#signal = signal;
  }

  /** Throws what `LocalTree.open` throws. */
  static async open(
    { variables }: Pick<Workspace, "variables">,
    environment: Environment,
    signal: AbortSignal,
    version = 1,
  ): Promise<Sources> {
    const local = await LocalTree.open(environment.image, { cacheDirectory: cacheDirectory(variables), signal });
    const sources = new Sources(environment, local, signal);
    sources.version = version;
    await sources.#readTexts();
    return sources;
  }

  get tree(): Tree {
    return this.#local.tree;
  }

  get root(): string {
    return this.#local.root;
  }

  get ignore(): DockerIgnore {
    return this.#local.ignore;
  }

  get notes(): readonly string[] {
    return this.#local.notes;
  }

  /** The environment file, and those whose values are taken up into it. */
  get settingsFiles(): readonly string[] {
    const { file, directory, envFiles } = this.#environment;
    return [file, join(directory, ".env"), ...envFiles];
  }

  /** Files outside of the build context, or left out of it, that count all the same. */
  get files(): readonly string[] {
    const { dockerfile } = this.#environment.image;
    return [...new Set([...this.settingsFiles, dockerfile, ...ignoreFiles(this.root, dockerfile)])];
  }

  async refresh(paths: Iterable<string> | "everything"): Promise<SourcesChange> {
    const before = this.#local.tree;
    const result = await this.#local.refresh(paths, this.#signal);
    await this.#readTexts();
    if (result.tree !== before) this.version += 1;
    return result;
  }

  async #readTexts(): Promise<void> {
    const { dockerfile } = this.#environment.image;
    // One that is missing is what the next build complains of.
    const text = await readFile(dockerfile, "utf8").catch(() => "");
    const ignore = await findIgnoreFile(this.root, dockerfile).catch(() => undefined);
    this.texts = [text, ignore?.text ?? ""];
  }
}
