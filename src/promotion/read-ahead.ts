/** Things that are numbered downwards, asked for before anybody has come to them. */
export class ReadAhead<Item> {
  /** Must not fail: what nobody comes to, nobody catches. */
  readonly #ask: (number: number) => Promise<Item | undefined>;
  readonly #asked = new Map<number, Promise<Item | undefined>>();
  #next = Number.POSITIVE_INFINITY;

  constructor(ask: (number: number) => Promise<Item | undefined>) {
    this.#ask = ask;
  }

  /** Whether it is on its way. */
  has(number: number): boolean {
    return this.#asked.has(number);
  }

  /** What has this number, once all down to `until` are on their way, but those that are at hand. */
  async take(number: number, until: number, atHand: ReadonlySet<number>): Promise<Item | undefined> {
    this.#next = Math.min(this.#next, number);
    for (; this.#next >= until; this.#next -= 1) {
      if (!atHand.has(this.#next)) this.#asked.set(this.#next, this.#ask(this.#next));
    }
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    return await asked;
  }
}
