import { type FSWatcher, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { WatchFolder } from "./directory-watches.ts";

export interface FileWatchOptions {
  /** Absolute. */
  readonly files: readonly string[];
  readonly watch: WatchFolder;
  /** This one may have changed. */
  onFile(file: string): void;
  /** Something happened beside them. */
  onOther(): void;
  onNote(text: string): void;
  /** The system will watch no more directories. */
  onLimit(): void;
}

/** Milliseconds between looks for a folder that went away. */
const lookInterval = 1_000;

/** Single files, wherever they lie: through a watch on the folder of each, also after that was deleted and made again. */
export class FileWatches {
  readonly #options: FileWatchOptions;
  readonly #watched = new Map<string, { readonly identity: string | undefined; readonly watcher: FSWatcher }>();
  #look: NodeJS.Timeout | undefined;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.close();
    for (const folder of this.#folders) this.#watch(folder);
  }

  /** Sees to folders that went away or were replaced, now instead of in a moment. */
  settle(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
    for (const folder of this.#folders) {
      const known = this.#watched.get(folder);
      if (known === undefined) continue;
      const identity = identityOf(folder);
      if (identity === known.identity) continue;
      if (identity === undefined) {
        this.#look ??= setTimeout(() => this.settle(), lookInterval);
        continue;
      }
      known.watcher.close();
      this.#watched.delete(folder);
      this.#watch(folder);
      for (const file of this.#options.files) if (dirname(file) === folder) this.#options.onFile(file);
    }
  }

  close(): void {
    clearTimeout(this.#look);
    this.#look = undefined;
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  get #folders(): ReadonlySet<string> {
    return new Set(this.#options.files.map((file) => dirname(file)));
  }

  #watch(folder: string): void {
    const { files, watch, onFile, onOther, onNote, onLimit } = this.#options;
    const names = new Map(files.filter((file) => dirname(file) === folder).map((file) => [basename(file), file]));
    try {
      const identity = identityOf(folder);
      const watcher = watch(folder, (_type, name) => {
        const file = name === null ? undefined : names.get(name);
        if (file !== undefined) onFile(file);
        else onOther();
        // Its own name is told when it is deleted or moved away.
        if (name === null || name === basename(folder)) this.#look ??= setTimeout(() => this.settle(), lookInterval);
      });
      watcher.on("error", () => watcher.close());
      this.#watched.set(folder, { identity, watcher });
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOSPC" || code === "EMFILE") onLimit();
      else onNote(`${folder} is not watched (${String(code)}): changes of its files go unseen.`);
    }
  }
}

/** Other for another folder of the same path: that often has the inode of the one that was deleted, but never its birth. */
export function identityOf(path: string): string | undefined {
  try {
    const { ino, birthtimeMs } = statSync(path);
    return `${ino} ${birthtimeMs}`;
  } catch {
    // Gone, or out of reach: no folder that could be watched either way.
    return undefined;
  }
}
