import { type FSWatcher, watch } from "chokidar";

export interface FileWatchOptions {
  /** Absolute; those that are not there yet count as well. */
  readonly files: readonly string[];
  onChange(file: string): void;
  /** With the system's own code, such as ENOSPC. */
  onError(code: string): void;
}

/** Watches single files, however editors save them: in place, or by putting another in their place. */
export class FileWatches {
  readonly #options: FileWatchOptions;
  #watcher: FSWatcher | undefined;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  /** Watches them, anew where they were watched before. Resolves when no change is missed any more. */
  async start(): Promise<void> {
    this.close();
    const { files, onChange, onError } = this.#options;
    // A save that replaces the file is told as it goes and comes, at once; whoever gathers takes it for one.
    const watcher = watch([...files], { ignoreInitial: true, atomic: false });
    this.#watcher = watcher;
    watcher.on("all", (_event, path) => {
      if (files.includes(path)) onChange(path);
    });
    await new Promise<void>((resolve) => {
      watcher.once("ready", resolve);
      watcher.on("error", (error) => {
        onError(error instanceof Error && "code" in error ? String(error.code) : String(error));
        resolve();
      });
    });
  }

  close(): void {
    // What it still has to clear up concerns nobody.
    this.#watcher?.close().catch(() => undefined);
    this.#watcher = undefined;
  }
}
