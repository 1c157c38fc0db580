import type { Access } from "../proxy/proxy.ts";

interface Count {
  requests: number;
  errors: number;
}

/** What clients got from the new release and from the old. An answer of 500 and above is an error. */
export class Tally {
  readonly #names: ReadonlySet<string>;
  readonly #limits: { readonly maxErrorRate: number; readonly minRequests: number };
  readonly #new: Count = { requests: 0, errors: 0 };
  readonly #old: Count = { requests: 0, errors: 0 };
  #wake: () => void = () => {};

  /** `names` are the upstreams that run the new release. */
  constructor(names: ReadonlySet<string>, limits: { readonly maxErrorRate: number; readonly minRequests: number }) {
    this.#names = names;
    this.#limits = limits;
  }

  /** An upstream that was asked in vain has answered with an error. What none was asked for is nobody's: the proxy refused it. */
  add({ upstream, tried, status }: Access): void {
    const asked = upstream ?? tried;
    if (asked === undefined) return;
    const count = this.#names.has(asked) ? this.#new : this.#old;
    count.requests += 1;
    if (status >= 500) count.errors += 1;
    if (this.worse !== undefined) this.#wake();
  }

  /** Why the new release is worse than it may be, and than the old one is; undefined while it is not, or nobody can tell. */
  get worse(): string | undefined {
    const { maxErrorRate, minRequests } = this.#limits;
    const rate = rateOf(this.#new);
    if (this.#new.requests < minRequests || rate <= maxErrorRate || rate <= rateOf(this.#old)) return undefined;
    return `${this.text}, where ${maxErrorRate}% may be`;
  }

  get text(): string {
    const of = ({ requests, errors }: Count) => `${errors} of ${requests}`;
    const few = this.#new.requests < this.#limits.minRequests ? "; too few to judge by" : "";
    return `${of(this.#new)} answers were errors, of the old release's ${of(this.#old)}${few}`;
  }

  /** Resolves with the reason once it is worse, and with undefined at the signal. */
  untilWorse(signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(this.worse);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
  }
}

/** Percent. */
function rateOf({ requests, errors }: Count): number {
  return requests === 0 ? 0 : (100 * errors) / requests;
}
