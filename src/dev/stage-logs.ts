import type { LogLine } from "../engine/engine.ts";
import type { StageContainer } from "../rollout/logs.ts";

/** Lines of a container that ran before we came. */
const earlierLines = 10;

interface Followed {
  /** RFC 3339, with nanoseconds, of the last line. */
  last: string | undefined;
  following: boolean;
  again: boolean;
}

/** What the containers of a stage print, each line once, through restarts and replacements. */
export class StageLogs {
  readonly #signal: AbortSignal;
  readonly #onLine: (from: StageContainer, line: LogLine) => void;
  readonly #followed = new Map<string, Followed>();

  constructor(signal: AbortSignal, onLine: (from: StageContainer, line: LogLine) => void) {
    this.#signal = signal;
    this.#onLine = onLine;
  }

  /** Safe to call again and again. `fresh`: everything that it has printed so far is news. */
  follow(from: StageContainer, fresh: boolean): void {
    const known = this.#followed.get(from.container.id);
    if (known?.following) {
      // It was started anew, and the stream of before is about to end.
      known.again = true;
      return;
    }
    const followed = known ?? { last: undefined, following: false, again: false };
    followed.following = true;
    this.#followed.set(from.container.id, followed);
    const tail = known === undefined && !fresh ? earlierLines : undefined;
    void this.#read(from, followed, tail).finally(() => {
      followed.following = false;
      if (followed.again && !this.#signal.aborted) {
        followed.again = false;
        this.follow(from, true);
      }
    });
  }

  forget(id: string): void {
    this.#followed.delete(id);
  }

  async #read(from: StageContainer, followed: Followed, tail: number | undefined): Promise<void> {
    const since = followed.last;
    const options = { follow: true, tail, since, timestamps: true, signal: this.#signal };
    try {
      for await (const line of from.engine.logs(from.container.id, options)) {
        // `since` counts its own moment in. Timestamps of one engine have one width, and sort as text.
        if (since !== undefined && line.timestamp !== undefined && line.timestamp <= since) continue;
        followed.last = line.timestamp ?? followed.last;
        this.#onLine(from, line);
      }
    } catch {
      // An engine that is away, or a container that was removed, is told by those who watch them; when it is back, so are we.
    }
  }
}
