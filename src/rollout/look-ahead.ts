import type { HostPlan, Step } from "../plan/plan.ts";
import { isProxyDriver, proxyDriver } from "../proxy/drivers.ts";
import { activationCommand } from "./activation.ts";
import { drainCommand } from "./drain.ts";
import type { HostWorker } from "./host-worker.ts";

type Ahead = Pick<HostWorker, "commands">;

/**
 * Starts the commands by which clients will be given to the new release, and those that then wait for the requests of the
 * old one, while the new one starts: until it has started a command, an engine tells nobody of its container.
 */
export async function prepareSwitch(worker: Ahead, plan: HostPlan, signal: AbortSignal): Promise<void> {
  const createsNone = plan.start.every((step) => step.kind !== "create");
  for (const { proxy, site, standsBy } of plan.switch.filter((step) => step.kind === "route")) {
    // What ran already is most likely ready in the proxy, too: then it needs no configuration.
    if (standsBy && createsNone) continue;
    if (site && isProxyDriver(proxy.driver))
      worker.commands.start(proxy.name, activationCommand(await proxyDriver(proxy.driver)), signal);
  }
  for (const { proxies } of plan.retire.filter((step) => step.kind === "drain"))
    for (const proxy of proxies) worker.commands.start(proxy, drainCommand, signal);
}

/** Steps that take no time to speak of: after nothing else the clients are given away at once. */
const quick: ReadonlySet<Step["kind"]> = new Set(["start", "wait-healthy", "network", "volume", "join"]);

/** Whether a host has what it will run, so that its clients are given to it as soon as the plan is begun. */
export function isImminent(plan: HostPlan): boolean {
  return [...plan.prepare, ...plan.start].every((step) => quick.has(step.kind));
}
