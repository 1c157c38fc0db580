import type { HostPlan } from "../plan/plan.ts";
import { turnBetween } from "../plan/turns.ts";
import { isProxyDriver, proxyDriver } from "../proxy/drivers.ts";
import { activationCommand } from "./activation.ts";
import { drainCommand } from "./drain.ts";
import type { HostWorker } from "./host-worker.ts";
import { turnCommand } from "./turn.ts";

/**
 * Starts the commands by which clients will be given to the new release, and those that then wait for the requests of the
 * old one, before the new one is made: until it has started a command, an engine tells nobody of its container. Does nothing
 * where they wait already.
 */
export async function prepareSwitch(worker: HostWorker, plan: HostPlan, signal: AbortSignal): Promise<void> {
  for (const { proxy, site, before } of plan.switch.filter((step) => step.kind === "route")) {
    if (!site || !isProxyDriver(proxy.driver)) continue;
    const driver = await proxyDriver(proxy.driver);
    const turns = driver.turns && before !== undefined && turnBetween(before, site) !== undefined;
    worker.commands.start(proxy.name, turns ? turnCommand : activationCommand(driver), signal);
  }
  for (const { proxies } of plan.retire.filter((step) => step.kind === "drain"))
    for (const proxy of proxies) worker.commands.start(proxy, drainCommand, signal);
}
