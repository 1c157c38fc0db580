import { setTimeout as wait } from "node:timers/promises";
import type { Engine } from "../engine/engine.ts";
import type { LockHolder } from "./lock-holder.ts";
import { isRunning } from "./process-identity.ts";

/** How often the engine is asked where it tells of no events, and where it does: owners also die in silence. Milliseconds. */
const interval = { asked: 1000, told: 15_000 };
/** How often an owner on this machine is looked at, which costs no request. Milliseconds. */
const ownMachine = 500;
/** So that two who wait do not get in each other's way for ever. Milliseconds. */
const jitter = 150;

/** Tells those who wait for a lock when it is worth another try. */
export class LockChanges {
  readonly #engine: Engine;
  readonly #prefix: string;
  readonly #closing = new AbortController();
  /** Set by an event, until it is looked at. */
  #changed = false;
  #listens = false;
  #wake: () => void = () => {};

  /** Listens from now on. */
  constructor(engine: Engine, prefix: string) {
    this.#engine = engine;
    this.#prefix = prefix;
    void this.#listen();
  }

  /** Resolves when the lock may be free, after `limit` milliseconds at the latest. */
  async next(holder: LockHolder, limit: number, signal: AbortSignal): Promise<void> {
    const end = performance.now() + limit;
    const asked = performance.now();
    while (!this.#changed) {
      const left = end - performance.now();
      const due =
        asked + (this.#listens ? Math.min(interval.told, holder.lifetime / 4) : interval.asked) - performance.now();
      const died = !holder.held && isRunning(holder.process) === false;
      if (left <= 0 || due <= 0 || died) return;
      await this.#pause(Math.min(left, due, ownMachine), signal);
    }
    this.#changed = false;
    await wait(Math.min(limit, Math.random() * jitter), undefined, { signal });
  }

  close(): void {
    this.#closing.abort();
  }

  async #pause(duration: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const event = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    try {
      await Promise.race([wait(duration, undefined, { signal: AbortSignal.any([signal, ended.signal]) }), event]);
    } finally {
      ended.abort();
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#closing;
    try {
      const events = await this.#engine.volumeEvents(signal);
      this.#listens = true;
      // Whatever happened before this moment was not told.
      this.#changed = true;
      this.#wake();
      for await (const { name, action } of events) {
        if (action !== "destroy" || !name.startsWith(this.#prefix)) continue;
        this.#changed = true;
        this.#wake();
      }
    } catch {
      // An engine that does not tell is asked more often.
    }
    this.#listens = false;
  }
}
