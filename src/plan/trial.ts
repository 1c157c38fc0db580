import type { Rollout } from "../environment/model.ts";
import type { HostPlan } from "./plan.ts";

/** What a canary gives to the new release first. */
export interface Trial {
  /** A share of the requests on these hosts, or all of them there, before other hosts. */
  readonly by: "requests" | "hosts";
  readonly hosts: readonly HostPlan[];
}

/** Undefined where nothing is tried. */
export function trialOf(plans: readonly HostPlan[], { strategy, canary }: Rollout): Trial | undefined {
  if (strategy !== "canary") return undefined;
  const weighed = plans.filter((plan) => plan.trial.length > 0);
  if (weighed.length > 0) return { by: "requests", hosts: weighed };
  const hosts = plans.filter((plan) => isTried(plan, canary)).slice(0, canary.hosts);
  return hosts.length > 0 ? { by: "hosts", hosts } : undefined;
}

/**
 * Hosts that were switched by a rollout that was killed are tried, too: what they replace still stands beside them. But not
 * where shares of the requests were tried before that: then nothing is left but to wait for what runs, and to stop the old.
 */
function isTried(plan: HostPlan, { weights }: Rollout["canary"]): boolean {
  if (!plan.supersedes || plan.returns) return false;
  return weights.length === 0 || [...plan.start, ...plan.switch].some(({ kind }) => kind !== "wait-healthy");
}
