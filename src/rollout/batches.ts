import type { HostProgress } from "./host-progress.ts";

/** So many hosts at once as `batch` says, of which no more lose their app for a moment than `max_unavailable` says. */
export function batches(
  hosts: readonly HostProgress[],
  rollout: { readonly batch: number; readonly maxUnavailable: number },
): HostProgress[][] {
  const list: HostProgress[][] = [];
  for (const host of hosts) {
    const last = list.at(-1);
    const away = last?.filter(({ plan }) => plan.gap).length ?? 0;
    const fits = last && last.length < rollout.batch && (!host.plan.gap || away < rollout.maxUnavailable);
    if (fits) last.push(host);
    else list.push([host]);
  }
  return list;
}
