/** What state things are in, kept up to date while work goes on: the last words of a command that has to leave in its midst. */
export class Situation {
  readonly #facts = new Map<string, string>();

  /** What is so now of a host, a lock, …; undefined where nothing is left to say. */
  set(topic: string, fact: string | undefined): void {
    if (fact === undefined) this.#facts.delete(topic);
    else this.#facts.set(topic, fact);
  }

  /** One line a topic, in the order in which they first came up. */
  get lines(): readonly string[] {
    return [...this.#facts].map(([topic, fact]) => `${topic}: ${fact}`);
  }
}
