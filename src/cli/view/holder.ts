import type { LockHolder } from "../../rollout/lock.ts";

export function holderWords(holder: LockHolder): string {
  const minutes = (time: Date) => time.toISOString().slice(0, 16).replace("T", " ");
  return `locked by ${holder.user} on ${holder.machine} since ${minutes(holder.since)} UTC, until ${minutes(holder.until)} UTC at most: ${holder.why}`;
}

export function holderDocument(holder: LockHolder) {
  const { user, machine, why, since, until } = holder;
  return { user, machine, why, since: since.toISOString(), until: until.toISOString() };
}
