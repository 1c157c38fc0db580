import { lstatSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Milliseconds that a lock which nobody works behind is respected: git was killed, or waits for an editor. */
const patience = 5_000;

/** Whether git is at work on a work tree: it holds `index.lock` while it writes files there. */
export class GitLock {
  readonly #lock: string;
  /** The lock that was waited for in vain. */
  #stale: string | undefined;

  private constructor(folder: string) {
    this.#lock = join(folder, "index.lock");
  }

  /** Undefined where `directory` lies in no repository. */
  static of(directory: string): GitLock | undefined {
    for (let folder = directory; ; folder = dirname(folder)) {
      const found = gitFolder(folder);
      if (found !== undefined) return new GitLock(found);
      if (dirname(folder) === folder) return undefined;
    }
  }

  get path(): string {
    return this.#lock;
  }

  get folder(): string {
    return dirname(this.#lock);
  }

  /** Whether to wait. `quietFor` is how long nothing changed in the work tree, in milliseconds. */
  holds(quietFor: number): boolean {
    const lock = identity(this.#lock);
    if (lock === undefined || lock === this.#stale) return false;
    if (quietFor < patience) return true;
    this.#stale = lock;
    return false;
  }

  /** Whether the lock is there, and was waited for in vain. */
  get isStale(): boolean {
    return this.#stale !== undefined && identity(this.#lock) === this.#stale;
  }
}

/** In a linked work tree `.git` is a file that names the folder. */
function gitFolder(folder: string): string | undefined {
  const path = join(folder, ".git");
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return path;
  if (!stats?.isFile()) return undefined;
  const target = /^gitdir: (.+)$/m.exec(readFileSync(path, "utf8"))?.[1];
  return target === undefined ? undefined : resolve(folder, target.trim());
}

function identity(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats && `${stats.ino} ${stats.mtimeMs}`;
}
