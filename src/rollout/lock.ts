import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { timeLimit } from "../base/time-limit.ts";
import { type Engine, Label, type Labels } from "../engine/engine.ts";
import { HeldLock } from "./held-lock.ts";
import { LockChanges } from "./lock-changes.ts";
import {
  describeHolder,
  type LockHolder,
  type LockRequest,
  lockLabels,
  newestOfEach,
  numberOf,
  readHolder,
} from "./lock-holder.ts";
import { isGone } from "./lock-owner.ts";
import { stageLabels } from "./observe.ts";
import { ownLocks } from "./own-locks.ts";
import { isOwn, isRunning } from "./process-identity.ts";

interface Place {
  readonly environment: string;
  readonly stage: string;
}

interface Waiting {
  /** Milliseconds. */
  readonly limit: number;
  /** Called for each holder that is waited for. */
  readonly tell: (holder: LockHolder) => void;
}

/** Milliseconds. */
const sweepLifetime = 20_000;

/** When each lock was first seen by this process. */
type Watch = Map<string, number>;

/**
 * A stage's lock is a volume on its first host: an engine makes a name once, and tells everybody else the labels of
 * whoever was first. A lock whose owner is gone is superseded by the next number, never deleted and made again: between
 * those two steps somebody else could come.
 */
export class StageLock {
  readonly #engine: Engine;
  readonly #place: Place;
  readonly #clock: Clock;

  constructor(engine: Engine, place: Place, clock: Clock) {
    this.#engine = engine;
    this.#place = place;
    this.#clock = clock;
  }

  /** Everybody who holds the stage now; more than one only for an instant, while two are racing. */
  async holders(signal?: AbortSignal): Promise<LockHolder[]> {
    const holders = newestOfEach(await this.#volumes(signal));
    return await this.#allLiving(holders, new Map(), signal);
  }

  /** Takes the lock. Throws `locked` (exit 4) with who, since when and why; with `waiting` only after that long. */
  async take(request: LockRequest, signal: AbortSignal, waiting?: Waiting): Promise<HeldLock> {
    const watch: Watch = new Map();
    const end = performance.now() + (waiting?.limit ?? 0);
    let changes: LockChanges | undefined;
    try {
      for (let told = ""; ; ) {
        const result = await this.#attempt(request, watch, signal);
        if (result instanceof HeldLock) return result;
        const left = end - performance.now();
        if (!waiting || left <= 0) throw this.#locked(result, waiting?.limit);
        if (told !== result.nonce) waiting.tell(result);
        told = result.nonce;
        // Few have to wait: whatever happened before it listens makes it try once more.
        changes ??= new LockChanges(this.#engine, this.#prefix);
        await changes.next(result, left, signal);
      }
    } finally {
      changes?.close();
    }
  }

  /**
   * Takes away what somebody has left who is gone; a lock that is held stays. It is taken for that, as always: removed
   * only, it could be made again by two at once.
   */
  async sweep(signal: AbortSignal): Promise<void> {
    const found = newestOfEach(await this.#volumes(signal));
    if (found.length === 0 || (await this.#living(found, new Map(), signal))) return;
    const held = await this.take(
      { why: "clearing away the lock of somebody who is gone", lifetime: sweepLifetime, held: false },
      signal,
    );
    await held.release();
  }

  /** Breaks the lock, whoever holds it; returns who did. */
  async break(signal?: AbortSignal): Promise<LockHolder[]> {
    const broken: LockHolder[] = [];
    // Its owner may be renewing it at this moment: then there is one more.
    for (let round = 0; round < 5; round += 1) {
      const holders = await this.#volumes(signal);
      if (holders.length === 0) break;
      broken.push(...holders);
      for (const holder of holders) await this.#engine.removeVolume(holder.name, signal);
    }
    return newestOfEach(broken);
  }

  /** The lock, or who has it. */
  async #attempt(request: LockRequest, watch: Watch, signal: AbortSignal): Promise<HeldLock | LockHolder> {
    const before = await this.#volumes(signal);
    const living = await this.#living(before, watch, signal);
    if (living) return living;
    const name = `${this.#prefix}${1 + Math.max(0, ...before.map(numberOf))}`;
    const nonce = randomBytes(12).toString("hex");
    const since = this.#clock.now();
    ownLocks.add(nonce);
    try {
      const labels = { ...this.#labels(), ...lockLabels(request, nonce, since, since) };
      await this.#engine.ensureVolume(name, labels, signal);
      // Read back rather than trusted: what the engine keeps decides who made it first.
      const after = await this.#volumes(signal);
      const first = after.find((holder) => holder.name === name);
      if (first && first.nonce !== nonce) {
        ownLocks.delete(nonce);
        return first;
      }
      const others = after.filter((holder) => holder.nonce !== nonce);
      const rival = await this.#living(others, watch, signal);
      if (rival) {
        await this.#removeOwn(nonce);
        return rival;
      }
      for (const dead of before) await this.#engine.removeVolume(dead.name, signal);
    } catch (error) {
      // An interrupted request may have been done all the same.
      await this.#removeOwn(nonce).catch(() => {});
      throw error;
    }
    return new HeldLock(name, {
      engine: this.#engine,
      stage: this.#place.stage,
      prefix: this.#prefix,
      labels: this.#labels(),
      request,
      nonce,
      since,
      now: () => this.#clock.now(),
      volumes: (limit) => this.#volumes(limit),
    });
  }

  async #living(holders: readonly LockHolder[], watch: Watch, signal: AbortSignal): Promise<LockHolder | undefined> {
    return (await this.#allLiving(holders, watch, signal))[0];
  }

  async #allLiving(holders: readonly LockHolder[], watch: Watch, signal?: AbortSignal): Promise<LockHolder[]> {
    if (holders.length === 0) return [];
    const running = new Map(holders.map((holder) => [holder, holder.held ? undefined : isHeldByRunning(holder)]));
    const unseen = holders.some((holder) => running.get(holder) === undefined);
    const engineTime = unseen ? await this.#engine.now(signal) : undefined;
    const now = performance.now();
    return holders.filter((holder) => {
      const key = `${holder.name} ${holder.nonce}`;
      const seen = watch.get(key) ?? now;
      watch.set(key, seen);
      const ownTime = this.#clock.now();
      return !isGone(holder, { running: running.get(holder), engineTime, ownTime, watched: now - seen });
    });
  }

  async #volumes(signal?: AbortSignal): Promise<LockHolder[]> {
    const volumes = await this.#engine.volumes(this.#labels(), signal);
    return volumes.map(readHolder).filter((holder) => holder !== undefined);
  }

  async #removeOwn(nonce: string): Promise<void> {
    ownLocks.delete(nonce);
    const signal = timeLimit(30_000);
    const own = (await this.#volumes(signal)).filter((holder) => holder.nonce === nonce);
    for (const holder of own) await this.#engine.removeVolume(holder.name, signal);
  }

  get #prefix(): string {
    return `${this.#place.environment}-${this.#place.stage}-lock-`;
  }

  #labels(): Labels {
    return { ...stageLabels(this.#place.environment, this.#place.stage), [Label.role]: "lock" };
  }

  #locked(holder: LockHolder, waited: number | undefined): EnvctlError {
    const { stage } = this.#place;
    return new EnvctlError({
      code: "locked",
      exitCode: ExitCode.locked,
      what: `${stage} is ${waited === undefined ? "" : `still, after ${formatDuration(waited)}, `}locked by ${describeHolder(holder)}`,
      where: this.#engine.name,
      state: "nothing was changed",
      next: `wait until it is done (--wait), or break the lock: envctl unlock ${stage}`,
    });
  }
}

function isHeldByRunning({ process, nonce }: LockHolder): boolean | undefined {
  return isOwn(process) ? ownLocks.has(nonce) : isRunning(process);
}
