import type { Clock } from "../base/clock.ts";
import type { Batch } from "./gathering.ts";
import type { Edit } from "./pending-edits.ts";
import type { Sources, SourcesChange } from "./sources.ts";
import { type Watch, watchTree } from "./watch-tree.ts";

export interface WatchedSourcesOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What is to be looked at again, with `refresh`; must not reject. */
  onBatch(batch: Batch): Promise<void>;
  /** The sources are other than they were. */
  onEdit(edit: Edit): void;
  onNote(text: string): void;
}

/** Milliseconds after which a file that changed while it was read is read again. */
const settlePause = 50;

/** The sources, and the watch that tells when to look at them again. */
export class WatchedSources {
  current: Sources;
  readonly #options: WatchedSourcesOptions;
  #watch: Watch | undefined;

  constructor(sources: Sources, options: WatchedSourcesOptions) {
    this.current = sources;
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#watch = await watchTree({
      root: this.current.root,
      ignore: () => this.current.ignore,
      files: this.current.files,
      signal: this.#options.signal,
      onDirty: (batch) => this.#options.onBatch(batch),
      onNote: (text) => this.#options.onNote(text),
    });
    // What changed before everything was watched was not seen.
    this.#took(await this.current.refresh("everything"), performance.now(), 0);
  }

  /** Goes on with other sources. */
  async replace(sources: Sources): Promise<void> {
    this.current = sources;
    for (const note of sources.notes) this.#options.onNote(note);
    this.close();
    await this.open();
  }

  close(): void {
    this.#watch?.close();
  }

  async refresh({ dirty, detectedAt, heldByGit }: Batch): Promise<void> {
    this.#took(await this.current.refresh(dirty), detectedAt, heldByGit);
  }

  /** These changed while they were read: in a moment they are looked at again. */
  async lookAgain(paths: readonly string[]): Promise<void> {
    const detectedAt = performance.now();
    await this.#options.clock.wait(settlePause, this.#options.signal).catch(() => {});
    await this.#options.onBatch({ dirty: new Set(paths), files: new Set(), detectedAt, heldByGit: 0 });
  }

  #took(change: SourcesChange, detectedAt: number, heldByGit: number): void {
    for (const note of change.notes) this.#options.onNote(note);
    if (change.ignoreChanged) this.#watch?.rejudge();
    if (change.unsettled.length > 0) void this.lookAgain(change.unsettled);
    if (change.changed.length === 0) return;
    this.#options.onEdit({ version: this.current.version, detectedAt, readAt: performance.now(), heldByGit });
  }
}
