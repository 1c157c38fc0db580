import { type FSWatcher, watch } from "node:fs";
import type { GitLock } from "./git-lock.ts";
import { longestGathering, quietTime } from "./quiet-time.ts";

/** What may have changed since the last batch. */
export interface Batch {
  /** Paths relative to the root; "everything" where events may be missing. For `LocalTree.refresh`. */
  readonly dirty: ReadonlySet<string> | "everything";
  /** Those of `WatchOptions.files` that may have changed, absolute. */
  readonly files: ReadonlySet<string>;
  /** When the first event came, by `performance.now()`. */
  readonly detectedAt: number;
  /** How long git held the batch back, in milliseconds; 0 where it did not. */
  readonly heldByGit: number;
}

export interface GatheringOptions {
  /** From this many events on some may have been lost. */
  readonly manyEvents: number;
  readonly git: GitLock | undefined;
  /** Called right before a batch is taken. */
  beforeBatch(): void;
  onBatch(batch: Batch): Promise<void> | void;
  onNote(text: string): void;
}

/** After a storm of this many paths everything is looked at once more, when it has been quiet for `afterStorm` milliseconds. */
const storm = 300;
const afterStorm = 1_000;

/** Milliseconds between looks at git's lock, should its going away be missed. */
const lockInterval = 250;

/** Gathers what events name into batches: a single save at once, a storm as one, and all that git does as one. */
export class Gathering {
  readonly #options: GatheringOptions;
  #paths = new Set<string>();
  #everything = false;
  #files = new Set<string>();
  #events = 0;
  #ignored = 0;
  #first = 0;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #recheck = false;
  #held: { readonly since: number; readonly watcher: FSWatcher | undefined } | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  get closed(): boolean {
    return this.#closed;
  }

  path(path: string): void {
    this.#paths.add(path);
    this.#note();
  }

  file(file: string): void {
    this.#files.add(file);
    this.#note();
  }

  everything(): void {
    this.#everything = true;
    this.#note();
  }

  /** An event that counts for nothing but the room it took in the system's queue. */
  ofNoInterest(): void {
    this.#ignored += 1;
    if (this.#ignored >= this.#options.manyEvents) this.everything();
  }

  /** Resolves when all that was gathered has been dealt with. */
  async idle(): Promise<void> {
    if (this.#closed || (this.#events === 0 && !this.#running)) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#held?.watcher?.close();
    this.#tellIdle();
  }

  #note(): void {
    if (this.#closed) return;
    this.#last = performance.now();
    if (this.#events === 0) this.#first = this.#last;
    this.#events += 1;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#running || this.#closed || this.#held) return;
    const size = this.#paths.size;
    const left = this.#first + longestGathering(size) - performance.now();
    this.#wakeIn(Math.min(quietTime(size), Math.max(left, 0)));
  }

  #wakeIn(milliseconds: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), milliseconds);
  }

  #wake(): void {
    this.#timer = undefined;
    if (this.#closed || this.#running) return;
    if (this.#events === 0) {
      // It has been quiet since the storm.
      if (this.#recheck) this.everything();
      this.#recheck = false;
      return;
    }
    if (this.#isHeld()) return;
    this.#send();
  }

  /** While git is at work nothing goes out: half a checkout would restart the app with files that don't fit each other. */
  #isHeld(): boolean {
    const { git } = this.#options;
    if (git?.holds(performance.now() - this.#last)) {
      this.#held ??= { since: performance.now(), watcher: this.#watchLock(git) };
      this.#wakeIn(lockInterval);
      return true;
    }
    if (this.#held && git?.isStale) {
      this.#options.onNote(
        `git's ${git.path} has been there for a while and nothing happens: changes are taken up again. If no git runs, delete it.`,
      );
    }
    return false;
  }

  #watchLock(git: GitLock): FSWatcher | undefined {
    try {
      const watcher = watch(git.folder, (_type, name) => {
        if (name === "index.lock" && this.#held) this.#wake();
      });
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch {
      // The lock is looked at now and then anyway.
      return undefined;
    }
  }

  #send(): void {
    this.#options.beforeBatch();
    const everything = this.#everything || this.#events + this.#ignored >= this.#options.manyEvents;
    const heldByGit = this.#held ? performance.now() - this.#held.since : 0;
    this.#held?.watcher?.close();
    this.#held = undefined;
    if (this.#paths.size > storm) this.#recheck = true;
    const batch: Batch = {
      dirty: everything ? "everything" : this.#paths,
      files: this.#files,
      detectedAt: this.#first,
      heldByGit,
    };
    this.#paths = new Set();
    this.#files = new Set();
    this.#everything = false;
    this.#events = 0;
    this.#ignored = 0;
    this.#running = Promise.resolve(this.#options.onBatch(batch)).finally(() => {
      this.#running = undefined;
      if (this.#events > 0) return this.#schedule();
      if (this.#recheck) this.#wakeIn(afterStorm);
      this.#tellIdle();
    });
  }

  #tellIdle(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
