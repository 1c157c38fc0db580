/** When what happened to one edit, in milliseconds since its first event. */
export interface EditTimes {
  /** From the event until the files were known to differ. */
  readonly detected: number;
  readonly sent: number;
  /** Undefined where no restart was needed. */
  readonly restarted: number | undefined;
  /** Until the app was healthy with it. */
  readonly ready: number;
}

/** How many of the last edits the percentile is over. */
const remembered = 200;

/** The times of the last edits. */
export class EditStatistics {
  readonly #times: number[] = [];

  add(milliseconds: number): void {
    this.#times.push(milliseconds);
    if (this.#times.length > remembered) this.#times.shift();
  }

  /** Nineteen of twenty edits were not slower. Undefined before the first. */
  get p95(): number | undefined {
    const sorted = [...this.#times].sort((left, right) => left - right);
    return sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)];
  }
}
