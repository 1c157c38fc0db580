import type { HostsSince, LastHosts } from "../plan/former-hosts.ts";
import type { StageRecord } from "./record.ts";

/** Where a stage ran after its newest change; `since` are the records that came later. Undefined where there is none yet. */
export function lastHosts(change: StageRecord | undefined, since: readonly StageRecord[]): LastHosts | undefined {
  if (!change) return undefined;
  const takenDown = new Set(since.flatMap(({ former, hosts }) => (former === true ? hosts : [])));
  const ran = change.runsOn ?? usual(change);
  return { ran: ran.filter((host) => !takenDown.has(host)), had: change.hosts, at: change.at };
}

/**
 * What a change's record tells of where the stage runs since: the next one need not read any further back, and a host that
 * the file names no more is told of until it is taken down. Nothing where that is as the record has it anyway.
 */
export function runsOn(
  change: Pick<StageRecord, "kind" | "outcome" | "hosts">,
  { former, kept }: HostsSince,
): Pick<StageRecord, "runsOn"> {
  const now = [...(change.outcome === "failed" ? kept : usual(change)), ...former];
  const plain = usual(change);
  return now.length === plain.length && now.every((host) => plain.includes(host)) ? {} : { runsOn: now };
}

function usual({ kind, hosts }: Pick<StageRecord, "kind" | "hosts">): readonly string[] {
  return kind === "down" ? [] : hosts;
}
