/** One batch of changes on disk, on its way into the containers. */
export interface Edit {
  /** Version of the sources that has it. */
  readonly version: number;
  /** By `performance.now()`: when its first event came. */
  readonly detectedAt: number;
  /** When its files were known to differ. */
  readonly readAt: number;
  /** Milliseconds that git held it back. */
  readonly heldByGit: number;
}

/** Edits that not all containers have yet. */
export class PendingEdits {
  #edits: Edit[] = [];

  add(edit: Edit): void {
    this.#edits.push(edit);
  }

  /** Those that are done when every container has this version: the earliest, which is the one that waited longest. */
  settle(version: number): Edit | undefined {
    const done = this.#edits.filter((edit) => edit.version <= version);
    this.#edits = this.#edits.filter((edit) => edit.version > version);
    return done[0];
  }
}
