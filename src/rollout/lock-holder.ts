import { hostname } from "node:os";
import { userName } from "../base/user.ts";
import type { Labels, ObservedNamed } from "../engine/engine.ts";
import { ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/** Who holds a stage, since when and why. */
export interface LockHolder {
  /** The volume's name. */
  readonly name: string;
  /** Tells one taking of the lock from every other; a lock that is renewed keeps it. */
  readonly nonce: string;
  readonly user: string;
  readonly machine: string;
  readonly process: ProcessIdentity;
  readonly why: string;
  readonly since: Date;
  /** When this volume was made, by the owner's clock: a living owner renews its lock long before the lifetime is over. */
  readonly renewed: Date;
  /** The same by the engine's clock. */
  readonly createdAt: Date | undefined;
  /** Milliseconds. */
  readonly lifetime: number;
  /** True for `envctl lock`: it outlives the command that took it, is not renewed, and ends with its lifetime. */
  readonly held: boolean;
}

const LockLabel = {
  nonce: "envctl.lock.nonce",
  user: "envctl.lock.user",
  machine: "envctl.lock.machine",
  process: "envctl.lock.process",
  processStart: "envctl.lock.process-start",
  processSpace: "envctl.lock.process-space",
  why: "envctl.lock.why",
  since: "envctl.lock.since",
  renewed: "envctl.lock.renewed",
  lifetime: "envctl.lock.lifetime",
  held: "envctl.lock.held",
} as const;

export interface LockRequest {
  readonly why: string;
  /** How long it holds unless it is renewed. Milliseconds. */
  readonly lifetime: number;
  readonly held: boolean;
}

/** The labels of a lock that this process takes, or renews, now. */
export function lockLabels(request: LockRequest, nonce: string, since: Date, now: Date): Labels {
  const identity = ownIdentity();
  return {
    [LockLabel.nonce]: nonce,
    [LockLabel.user]: userName(),
    [LockLabel.machine]: hostname(),
    [LockLabel.process]: String(identity.id),
    ...(identity.start === undefined ? {} : { [LockLabel.processStart]: identity.start }),
    [LockLabel.processSpace]: identity.space,
    [LockLabel.why]: request.why,
    [LockLabel.since]: since.toISOString(),
    [LockLabel.renewed]: now.toISOString(),
    [LockLabel.lifetime]: String(request.lifetime),
    [LockLabel.held]: String(request.held),
  };
}

/** Undefined for a volume that is no lock. */
export function readHolder({ name, labels, createdAt }: ObservedNamed): LockHolder | undefined {
  const nonce = labels[LockLabel.nonce];
  if (nonce === undefined) return undefined;
  return {
    name,
    nonce,
    user: labels[LockLabel.user] ?? "somebody",
    machine: labels[LockLabel.machine] ?? "an unknown machine",
    process: {
      id: Number(labels[LockLabel.process] ?? 0),
      start: labels[LockLabel.processStart],
      space: labels[LockLabel.processSpace] ?? "",
    },
    why: labels[LockLabel.why] ?? "",
    since: new Date(labels[LockLabel.since] ?? 0),
    renewed: new Date(labels[LockLabel.renewed] ?? 0),
    createdAt,
    lifetime: Number(labels[LockLabel.lifetime] ?? 0),
    held: labels[LockLabel.held] === "true",
  };
}

/** Who, since when and why, in one line. */
export function describeHolder({ user, machine, since, why }: LockHolder): string {
  return `${user} on ${machine} since ${since.toISOString()}: ${why}`;
}

/** Locks are numbered: whoever takes over, or renews, takes the next. */
export function numberOf(holder: { readonly name: string }): number {
  return Number(/-(\d+)$/.exec(holder.name)?.[1] ?? 0);
}

/** One of each owner, the newest: while a lock is being renewed there are two for an instant. */
export function newestOfEach(holders: readonly LockHolder[]): LockHolder[] {
  const newest = new Map<string, LockHolder>();
  for (const holder of holders) {
    const known = newest.get(holder.nonce);
    if (!known || numberOf(known) < numberOf(holder)) newest.set(holder.nonce, holder);
  }
  return [...newest.values()];
}
