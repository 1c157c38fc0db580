import type { ContextSource } from "../build/context.ts";
import type { DockerIgnore } from "../build/dockerignore.ts";
import type { Tree } from "../build/tree.ts";

export interface LocalTreeOptions {
  /** Where stamps are remembered (`cacheDirectory(variables)`); undefined reads every file. */
  readonly cacheDirectory?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Refreshed {
  readonly tree: Tree;
  /** Relative paths that differ from the tree before. */
  readonly changed: readonly string[];
  /** Files that changed while they were read: look at them again. */
  readonly unsettled: readonly string[];
  /** The ignore file changed: `Watch.rejudge()` is to be called. */
  readonly ignoreChanged: boolean;
}

/** The build context as it is on disk, kept up to date by looking again at what may have changed. */
export class LocalTree {
  static async open(_source: ContextSource, _options: LocalTreeOptions = {}): Promise<LocalTree> {
    throw new Error("to come");
  }

  get tree(): Tree {
    throw new Error("to come");
  }
  get ignore(): DockerIgnore {
    throw new Error("to come");
  }
  /** Absolute, links resolved. */
  get root(): string {
    throw new Error("to come");
  }
  /** What was left out that a person might miss. */
  get notes(): readonly string[] {
    throw new Error("to come");
  }

  /** Looks again at these paths and all below them, or at everything. */
  async refresh(_paths: Iterable<string> | "everything", _signal?: AbortSignal): Promise<Refreshed> {
    throw new Error("to come");
  }
}
