import { statSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import type { DockerIgnore } from "../build/dockerignore.ts";
import { DirectoryWatches, isDirectory, type WatchFolder } from "./directory-watches.ts";
import { FileWatches, identityOf } from "./file-watches.ts";
import { type Batch, Gathering } from "./gathering.ts";
import { GitLock } from "./git-lock.ts";

export type { Batch };

export interface WatchOptions {
  /** Absolute, links resolved. */
  readonly root: string;
  /** Asked anew for every path: directories it excludes are not watched. */
  readonly ignore: () => DockerIgnore;
  /** Absolute paths of files that count wherever they are and whatever is ignored: environment file, Dockerfile, ignore files. */
  readonly files: readonly string[];
  readonly signal: AbortSignal;
  /** `fs.watch` unless given. */
  readonly watch?: WatchFolder;
  /** Called with one batch at a time: while its promise is pending, what comes is gathered for the next. Must not reject. */
  onDirty(batch: Batch): Promise<void> | void;
  /** Something a person should know: directories passed over, limits of the system, a lock of git that never goes. */
  onNote(text: string): void;
}

export interface Watch {
  /** `polling` where the system would not watch so many directories. */
  readonly mode: "events" | "polling";
  /** After the ignore file changed: watches what it no longer excludes, and no more what it does. */
  rejudge(): void;
  close(): void;
}

/** Linux keeps this many events for a reader that is late, then drops all that follow, and Node does not tell. */
const queueFile = "/proc/sys/fs/inotify/max_queued_events";
const usualQueue = 16_384;

/** Milliseconds between looks at everything where nothing can be watched, and while the root is away. */
const pollInterval = 1_000;

/** Resolves when everything is watched: from then on no change is missed. Look at everything once afterwards. */
export async function watchTree(options: WatchOptions): Promise<Watch> {
  options.signal.throwIfAborted();
  const queue = Number.parseInt(await readFile(queueFile, "utf8").catch(() => ""), 10) || usualQueue;
  const watching = new Watching(options, queue);
  watching.start();
  return watching;
}

class Watching implements Watch {
  readonly #options: WatchOptions;
  readonly #watchFolder: WatchFolder;
  readonly #gathering: Gathering;
  readonly #directories: DirectoryWatches;
  readonly #files: FileWatches;
  /** Of the root that is watched. */
  #identity: string | undefined;
  #poll: NodeJS.Timeout | undefined;
  #mode: Watch["mode"] = "events";

  constructor(options: WatchOptions, queue: number) {
    this.#options = options;
    this.#watchFolder = options.watch ?? watch;
    this.#gathering = new Gathering({
      // Some of the queue's events never reach us, such as those of watches that ended.
      manyEvents: queue / 4,
      git: GitLock.of(options.root),
      beforeBatch: () => this.#settle(),
      onBatch: (batch) => options.onDirty(batch),
      onNote: (text) => options.onNote(text),
    });
    this.#directories = new DirectoryWatches({
      root: options.root,
      ignore: options.ignore,
      watch: this.#watchFolder,
      onEvent: (path) => this.#event(path),
      onNote: (text) => options.onNote(text),
      onLimit: () => this.#startPolling(),
    });
    this.#files = new FileWatches({
      files: options.files,
      watch: this.#watchFolder,
      onFile: (file) => this.#gathering.file(file),
      onOther: () => this.#gathering.ofNoInterest(),
      onNote: (text) => options.onNote(text),
      onLimit: () => this.#startPolling(),
    });
    options.signal.addEventListener("abort", this.#abort, { once: true });
  }

  get mode(): Watch["mode"] {
    return this.#mode;
  }

  start(): void {
    this.#identity = identityOf(this.#options.root);
    this.#files.start();
    if (this.#mode === "events") this.#directories.start();
  }

  rejudge(): void {
    if (this.#mode === "events") this.#directories.start();
    this.#gathering.everything();
  }

  close(): void {
    this.#options.signal.removeEventListener("abort", this.#abort);
    if (this.#poll) clearTimeout(this.#poll);
    this.#gathering.close();
    this.#directories.close();
    this.#files.close();
  }

  readonly #abort = () => this.close();

  #event(path: string): void {
    const ignore = this.#options.ignore();
    if (path !== "" && ignore.excludes(path) && !ignore.mayIncludeBelow(path)) this.#gathering.ofNoInterest();
    else this.#gathering.path(path);
  }

  #settle(): void {
    this.#files.settle();
    if (this.#mode === "polling") return;
    this.#directories.settle();
    if (identityOf(this.#options.root) === this.#identity) return;
    // The folder itself was replaced, or is away for now.
    this.#gathering.everything();
    if (isDirectory(this.#options.root)) this.start();
    else this.#poll ??= setTimeout(() => this.#lookForRoot(), pollInterval);
  }

  #lookForRoot(): void {
    this.#poll = undefined;
    if (!isDirectory(this.#options.root)) {
      this.#poll = setTimeout(() => this.#lookForRoot(), pollInterval);
      return;
    }
    this.start();
    this.#gathering.everything();
  }

  #startPolling(): void {
    if (this.#mode === "polling") return;
    this.#mode = "polling";
    this.#directories.close();
    this.#options.onNote(
      "The system watches no more directories for this user, so all files are looked at every few seconds instead, which is slower: " +
        "raise fs.inotify.max_user_watches (sudo sysctl fs.inotify.max_user_watches=524288), or exclude large folders in .dockerignore.",
    );
    let stamps = this.#stamps();
    const look = async () => {
      const begun = performance.now();
      this.#gathering.everything();
      const before = stamps;
      stamps = this.#stamps();
      for (const [file, stamp] of stamps) if (before.get(file) !== stamp) this.#gathering.file(file);
      await this.#gathering.idle();
      // Never more than a twentieth of the machine's time.
      const pause = Math.max(pollInterval, 20 * (performance.now() - begun));
      if (!this.#options.signal.aborted && !this.#gathering.closed) this.#poll = setTimeout(() => void look(), pause);
    };
    this.#poll = setTimeout(() => void look(), pollInterval);
  }

  /** What tells whether one of the single files is other than it was. */
  #stamps(): ReadonlyMap<string, string> {
    return new Map(this.#options.files.map((file) => [file, stampOf(file)]));
  }
}

function stampOf(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file);
    return [ino, size, mtimeMs, ctimeMs].join();
  } catch {
    // Gone, or out of reach: another one than one that is there, in any case.
    return "";
  }
}
