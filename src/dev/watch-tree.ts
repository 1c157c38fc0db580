import type { DockerIgnore } from "../build/dockerignore.ts";

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

export interface WatchOptions {
  /** Absolute, links resolved. */
  readonly root: string;
  /** Asked anew for every path: directories it excludes are not watched. */
  readonly ignore: () => DockerIgnore;
  /** Absolute paths of files that count wherever they are and whatever is ignored: environment file, Dockerfile, ignore files. */
  readonly files: readonly string[];
  readonly signal: AbortSignal;
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

/** Resolves when everything is watched: from then on no change is missed. */
export async function watchTree(_options: WatchOptions): Promise<Watch> {
  throw new Error("to come");
}
