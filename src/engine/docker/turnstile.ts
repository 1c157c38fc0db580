/**
 * Lets a limited number of tasks through at once; the others wait in order. With `patience` (milliseconds), tasks go one
 * after the other as long as that is quick, and another lane is opened only for those that have waited that long: where
 * each lane costs a process on both sides, a few short calls are cheaper in a row.
 */
export class Turnstile {
  readonly #limit: number;
  readonly #patience: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number, patience = 0) {
    this.#limit = limit;
    this.#patience = patience;
  }

  async pass<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted();
    const mayEnter = this.#patience > 0 ? this.#running === 0 : this.#running < this.#limit;
    if (mayEnter && this.#waiting.length === 0) this.#running += 1;
    else await this.#turn(signal);
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", leave);
      };
      const enter = () => {
        settle();
        resolve();
      };
      const quit = () => {
        const at = this.#waiting.indexOf(enter);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      const leave = () => {
        settle();
        quit();
        reject(signal?.reason);
      };
      const openLane = () => {
        if (this.#running >= this.#limit) return;
        this.#running += 1;
        quit();
        enter();
      };
      const timer = this.#patience > 0 ? setTimeout(openLane, this.#patience) : undefined;
      this.#waiting.push(enter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }
}
