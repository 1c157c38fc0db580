import { randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import type { Clock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type Engine, Label, type Labels } from "../engine/engine.ts";
import { stageLabels } from "./observe.ts";

/** Who holds a stage, since when and why. */
export interface LockHolder {
  readonly name: string;
  readonly nonce: string;
  readonly user: string;
  readonly machine: string;
  readonly process: number;
  readonly why: string;
  readonly since: Date;
  /** After this the lock no longer holds, whatever became of its owner. */
  readonly until: Date;
  /** True for `envctl lock`: it outlives the command that took it. */
  readonly held: boolean;
}

const LockLabel = {
  nonce: "envctl.lock.nonce",
  user: "envctl.lock.user",
  machine: "envctl.lock.machine",
  process: "envctl.lock.process",
  why: "envctl.lock.why",
  since: "envctl.lock.since",
  until: "envctl.lock.until",
  held: "envctl.lock.held",
} as const;

interface Place {
  readonly environment: string;
  readonly stage: string;
}

export interface LockRequest {
  readonly why: string;
  /** Milliseconds. */
  readonly expiresAfter: number;
  readonly held: boolean;
}

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
    const volumes = await this.#engine.volumes(this.#labels(), signal);
    return volumes.map((volume) => readHolder(volume.name, volume.labels)).filter((holder) => holder !== undefined);
  }

  /** Takes the lock and returns its release. Throws `locked` (exit 4) with who, since when and why. */
  async take(request: LockRequest, signal?: AbortSignal): Promise<() => Promise<void>> {
    const before = await this.holders(signal);
    const living = before.find((holder) => this.#lives(holder));
    if (living) throw this.#locked(living);
    const number = 1 + Math.max(0, ...before.map((holder) => numberOf(holder.name)));
    const name = `${this.#place.environment}-${this.#place.stage}-lock-${number}`;
    const nonce = randomBytes(12).toString("hex");
    const labels = await this.#engine.ensureVolume(name, this.#lockLabels(request, nonce), signal);
    const holder = readHolder(name, labels);
    if (holder && holder.nonce !== nonce) throw this.#locked(holder);
    const release = () => this.#engine.removeVolume(name, AbortSignal.timeout(30_000));
    const rival = (await this.holders(signal)).find((other) => other.name !== name && this.#lives(other));
    if (rival) {
      await release();
      throw this.#locked(rival);
    }
    for (const dead of before) await this.#engine.removeVolume(dead.name, signal);
    return release;
  }

  /** Breaks the lock, whoever holds it; returns who did. */
  async break(signal?: AbortSignal): Promise<LockHolder[]> {
    const holders = await this.holders(signal);
    for (const holder of holders) await this.#engine.removeVolume(holder.name, signal);
    return holders;
  }

  /** An owner is provably gone once its time is over, or when its process on this machine has ended. */
  #lives(holder: LockHolder): boolean {
    if (holder.until.getTime() <= this.#clock.now().getTime()) return false;
    if (holder.held || holder.machine !== hostname()) return true;
    return processLives(holder.process);
  }

  #labels(): Labels {
    return { ...stageLabels(this.#place.environment, this.#place.stage), [Label.role]: "lock" };
  }

  #lockLabels(request: LockRequest, nonce: string): Labels {
    const now = this.#clock.now();
    return {
      ...this.#labels(),
      [LockLabel.nonce]: nonce,
      [LockLabel.user]: userInfo().username,
      [LockLabel.machine]: hostname(),
      [LockLabel.process]: String(process.pid),
      [LockLabel.why]: request.why,
      [LockLabel.since]: now.toISOString(),
      [LockLabel.until]: new Date(now.getTime() + request.expiresAfter).toISOString(),
      [LockLabel.held]: String(request.held),
    };
  }

  #locked(holder: LockHolder): EnvctlError {
    return new EnvctlError({
      code: "locked",
      exitCode: ExitCode.locked,
      what: `${this.#place.stage} is locked by ${holder.user} on ${holder.machine} since ${holder.since.toISOString()}: ${holder.why}`,
      where: this.#engine.name,
      state: "nothing was changed",
      next: `wait until it is done, or break the lock: envctl unlock ${this.#place.stage}`,
    });
  }
}

function processLives(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function numberOf(name: string): number {
  return Number(/-(\d+)$/.exec(name)?.[1] ?? 0);
}

function readHolder(name: string, labels: Labels): LockHolder | undefined {
  const nonce = labels[LockLabel.nonce];
  if (nonce === undefined) return undefined;
  return {
    name,
    nonce,
    user: labels[LockLabel.user] ?? "somebody",
    machine: labels[LockLabel.machine] ?? "an unknown machine",
    process: Number(labels[LockLabel.process] ?? 0),
    why: labels[LockLabel.why] ?? "",
    since: new Date(labels[LockLabel.since] ?? 0),
    until: new Date(labels[LockLabel.until] ?? 0),
    held: labels[LockLabel.held] === "true",
  };
}
