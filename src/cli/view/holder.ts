import type { LockHolder } from "../../rollout/lock-holder.ts";

export function holderWords(holder: LockHolder): string {
  const minutes = (time: Date) => time.toISOString().slice(0, 16).replace("T", " ");
  const until = holder.held ? `, until ${minutes(untilOf(holder))} UTC at most` : "";
  return `locked by ${holder.user} on ${holder.machine} since ${minutes(holder.since)} UTC${until}: ${holder.why}`;
}

export function holderDocument(holder: LockHolder) {
  const { user, machine, why, since, held } = holder;
  return { user, machine, why, since: since.toISOString(), until: untilOf(holder).toISOString(), byHand: held };
}

/** A command that runs renews its lock long before this; a lock by hand ends then. */
function untilOf(holder: LockHolder): Date {
  return new Date((holder.createdAt ?? holder.renewed).getTime() + holder.lifetime);
}
