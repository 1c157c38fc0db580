import type { HostPlan, Step } from "../plan/plan.ts";

/** How far one host has come: what was begun is what can be undone. */
export class HostProgress {
  readonly plan: HostPlan;
  /** Begun so far, in order. */
  readonly begun: Step[] = [];
  /** True once clients have the new release, and the old has gone. */
  done = false;

  constructor(plan: HostPlan) {
    this.plan = plan;
  }

  get name(): string {
    return this.plan.host;
  }
}
