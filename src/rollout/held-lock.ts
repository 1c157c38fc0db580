import { EnvctlError, ExitCode } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import type { Engine, Labels } from "../engine/engine.ts";
import { type LockHolder, type LockRequest, lockLabels, newestOfEach, numberOf } from "./lock-holder.ts";
import { ownLocks } from "./own-locks.ts";

/** How long one look at the lock, or one change of it, may take. Milliseconds. */
const patience = 30_000;
/** A lock is renewed this often in its lifetime: two renewals may fail before anybody could take it for abandoned. */
const renewals = 3;
/** Who has just looked need not look again: what is about to be done takes far longer. Milliseconds. */
const freshness = 100;

interface HeldLockSettings {
  readonly engine: Engine;
  readonly stage: string;
  /** The lock's volumes are called so, with a number after it. */
  readonly prefix: string;
  /** Labels of every lock of the stage. */
  readonly labels: Labels;
  readonly request: LockRequest;
  readonly nonce: string;
  readonly since: Date;
  readonly now: () => Date;
  /** All volumes that are locks of the stage. */
  readonly volumes: (signal: AbortSignal) => Promise<LockHolder[]>;
}

/**
 * A lock that is ours, and stays ours for as long as this process lives. Labels cannot be changed: it is renewed by taking
 * the next number, and only then letting go of the one before.
 */
export class HeldLock {
  readonly #settings: HeldLockSettings;
  #name: string;
  #lost = false;
  /** When it was last seen to be ours, by a clock that nobody sets. */
  #confirmed = performance.now();
  #timer: NodeJS.Timeout | undefined;
  /** Looks and changes one after the other: a look in the middle of a renewal would find neither number. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(name: string, settings: HeldLockSettings) {
    this.#name = name;
    this.#settings = settings;
    if (!settings.request.held) this.#renewLater(settings.request.lifetime / renewals);
  }

  /** False once somebody broke it, or took over while this machine slept: as it was a tenth of a second ago at most. */
  stillHeld(): Promise<boolean> {
    return this.#inTurn(async () => {
      try {
        if (performance.now() - this.#confirmed > freshness) await this.#look();
      } catch (error) {
        // Not knowing is not losing: nobody else may take it for abandoned before its time is over.
        if (performance.now() - this.#confirmed > this.#settings.request.lifetime) throw error;
      }
      return !this.#lost;
    });
  }

  /** Throws `lock-lost` (exit 4) once the lock is no longer ours: to be asked before each step that would disturb others. */
  async requireHeld(): Promise<void> {
    if (await this.stillHeld()) return;
    const { stage, engine, volumes } = this.#settings;
    const [now] = newestOfEach(await volumes(timeLimit(patience)).catch(() => []));
    throw new EnvctlError({
      code: "lock-lost",
      exitCode: ExitCode.locked,
      what: now
        ? `the lock of ${stage} was broken, and ${now.user} on ${now.machine} holds it now: ${now.why}`
        : `the lock of ${stage} was broken while it was needed`,
      where: engine.name,
      next: `ask who broke it; then look at the stage: envctl status ${stage}`,
    });
  }

  /** Renews no more, and removes what is ours. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    ownLocks.delete(this.#settings.nonce);
    await this.#inTurn(async () => {
      this.#lost = true;
      clearTimeout(this.#timer);
      const { engine, volumes, nonce } = this.#settings;
      const signal = timeLimit(patience);
      for (const own of (await volumes(signal)).filter((holder) => holder.nonce === nonce))
        await engine.removeVolume(own.name, signal);
    });
  }

  #renewLater(delay: number): void {
    if (this.#lost) return;
    this.#timer = setTimeout(() => {
      const { lifetime } = this.#settings.request;
      this.#inTurn(() => this.#renew()).then(
        () => this.#renewLater(lifetime / renewals),
        // The host does not answer: soon again, its time is running.
        () => this.#renewLater(Math.min(10_000, lifetime / renewals / 4)),
      );
    }, delay);
    // What keeps this process from ending is its work.
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const before = await this.#look();
    if (this.#lost) return;
    const { engine, prefix, labels, request, nonce, since, now, volumes } = this.#settings;
    const signal = timeLimit(patience);
    // Beyond all there are: whoever takes over wants that very number too, and only one of us gets it.
    const next = `${prefix}${1 + Math.max(...before.map(numberOf))}`;
    await engine.ensureVolume(next, { ...labels, ...lockLabels(request, nonce, since, now()) }, signal);
    const holders = await volumes(signal);
    const ours = (name: string) => holders.some((holder) => holder.name === name && holder.nonce === nonce);
    // Without the one before, somebody has taken over meanwhile, or broken the lock.
    if (!ours(this.#name) || !ours(next)) {
      this.#lost = true;
      if (ours(next)) await engine.removeVolume(next, signal);
      return;
    }
    this.#name = next;
    this.#confirmed = performance.now();
    for (const old of holders) {
      if (old.nonce === nonce && old.name !== next) await engine.removeVolume(old.name, signal);
    }
  }

  async #look(): Promise<LockHolder[]> {
    if (this.#lost) return [];
    const holders = await this.#settings.volumes(timeLimit(patience));
    this.#lost = !holders.some((holder) => holder.name === this.#name && holder.nonce === this.#settings.nonce);
    if (!this.#lost) this.#confirmed = performance.now();
    return holders;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }
}
