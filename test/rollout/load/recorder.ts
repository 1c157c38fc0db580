import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import {
  type KindReport,
  type LoadError,
  type LoadKind,
  type LoadReport,
  loadKinds,
  type ReleaseSeen,
} from "./model.ts";

/** Kinds whose answers should come at once: their silence is a stall. */
const prompt: ReadonlySet<LoadKind> = new Set(["kept", "fresh", "websocket", "events"]);

const mostErrors = 20;

type Counter = "requests" | "failed" | "truncated" | "retried" | "cut" | "closed" | "lost";

interface Tally {
  readonly counts: Record<Counter, number>;
  readonly statuses: Record<string, number>;
  readonly errors: LoadError[];
  longestLatency: number;
  longestStall: number;
  /** By URL: when something came last, 0 for never. */
  readonly last: Map<string, number>;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** A client, by its number among those of its kind at its URL. */
interface Asker {
  readonly kind: LoadKind;
  readonly url: string;
  readonly index: number;
}

function nameOf({ kind, url, index }: Asker): string {
  return `${kind} ${index} ${url}`;
}

/** Counts what clients see. */
export class Recorder {
  readonly #begun = performance.now();
  readonly #tallies = new Map<LoadKind, Tally>();
  readonly #releases: Mutable<ReleaseSeen>[] = [];
  /** When clients were told to stop: from then on silence is no stall. */
  #ended: number | undefined;
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });

  /** Clients that should have an answer at once, and had none yet. */
  readonly #silent = new Set<string>();

  constructor(askers: readonly Asker[]) {
    for (const kind of loadKinds) this.#tallies.set(kind, newTally());
    for (const asker of askers) {
      this.#of(asker.kind).last.set(asker.url, 0);
      if (prompt.has(asker.kind)) this.#silent.add(nameOf(asker));
    }
    this.#delay.enable();
  }

  /** Milliseconds since the load began. */
  get now(): number {
    return performance.now() - this.#begun;
  }

  count(kind: LoadKind, what: Counter, by = 1): void {
    this.#of(kind).counts[what] += by;
  }

  status(kind: LoadKind, status: number): void {
    const { statuses } = this.#of(kind);
    statuses[status] = (statuses[status] ?? 0) + 1;
  }

  /** Something came back, good or bad, after `latency` milliseconds. */
  answered({ kind, url, index }: Asker, latency: number): void {
    this.#silent.delete(nameOf({ kind, url, index }));
    const tally = this.#of(kind);
    const now = this.now;
    tally.longestLatency = Math.max(tally.longestLatency, latency);
    // Until the first answer the load is only warming up.
    const before = tally.last.get(url) || now;
    if (this.#ended === undefined) tally.longestStall = Math.max(tally.longestStall, now - before);
    tally.last.set(url, now);
  }

  failed(kind: LoadKind, url: string, code: string, by = 1, timing: Pick<LoadError, "after" | "connected"> = {}): void {
    const tally = this.#of(kind);
    tally.counts.failed += by;
    if (code === "TRUNCATED") tally.counts.truncated += by;
    if (code === "CUT") tally.counts.cut += by;
    if (code === "LOST") tally.counts.lost += by;
    if (tally.errors.length < mostErrors) tally.errors.push({ kind, url, code, at: Math.round(this.now), ...timing });
  }

  release(url: string, release: string): void {
    const now = Math.round(this.now);
    const seen = this.#releases.find((one) => one.url === url && one.release === release);
    if (!seen) this.#releases.push({ url, release, first: now, last: now, answers: 1 });
    else {
      seen.last = now;
      seen.answers += 1;
    }
  }

  end(): void {
    this.#ended ??= this.now;
  }

  /** True once every client that should have an answer at once had one. */
  get allAnswered(): boolean {
    return this.#silent.size === 0;
  }

  report(): LoadReport {
    const kinds = Object.fromEntries(loadKinds.map((kind) => [kind, this.#reportOf(kind)]));
    const sum = (what: "requests" | "failed" | "retried") =>
      Object.values(kinds).reduce((total, report) => total + report[what], 0);
    return {
      duration: Math.round(this.now),
      requests: sum("requests"),
      failed: sum("failed"),
      retried: sum("retried"),
      kinds: kinds as Record<LoadKind, KindReport>,
      releases: this.#releases.map((seen) => ({ ...seen })),
      ownDelay: Math.round(this.#delay.max / 1e6),
    };
  }

  #reportOf(kind: LoadKind): KindReport {
    const tally = this.#of(kind);
    const end = this.#ended ?? this.now;
    const waiting = [...tally.last.values()].map((at) => end - at);
    return {
      ...tally.counts,
      statuses: { ...tally.statuses },
      longestLatency: Math.round(tally.longestLatency),
      longestStall: prompt.has(kind) ? Math.round(Math.max(tally.longestStall, ...waiting)) : undefined,
      errors: [...tally.errors],
    };
  }

  #of(kind: LoadKind): Tally {
    const tally = this.#tallies.get(kind);
    if (!tally) throw new RangeError(`no kind ${kind}`);
    return tally;
  }
}

function newTally(): Tally {
  const counts = { requests: 0, failed: 0, truncated: 0, retried: 0, cut: 0, closed: 0, lost: 0 };
  return { counts, statuses: {}, errors: [], longestLatency: 0, longestStall: 0, last: new Map() };
}
