import type { Engine } from "../engine/engine.ts";
import { networkName, siteId } from "../plan/naming.ts";
import type { ObservedHost, ObservedProxy } from "../plan/observed.ts";
import { isIdle, ownProxies } from "../plan/plan-sites.ts";
import { isShared } from "../plan/site-conflicts.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import { ReadyCommands } from "../rollout/ready-commands.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The proxies that this stage shares with others, and those that were made for it and came to serve nobody. */
export function sharedProxies(observed: ObservedHost, place: Parameters<typeof siteId>[0]): ObservedProxy[] {
  const [id, network] = [siteId(place), networkName(place)];
  return observed.proxies.filter(
    (proxy) =>
      isShared(proxy.container) &&
      (proxy.sites.some((site) => site.id === id) || (network in proxy.container.networks && isIdle(proxy, network))),
  );
}

/** Takes a stage out of the proxies of a host: before its containers go, so that no proxy asks one that is gone. */
export async function leaveProxies(
  { environment, clock, signal }: Workspace,
  engine: Engine,
  observed: ObservedHost,
  place: { readonly environment: string; readonly stage: string },
  options: { readonly certificates: boolean /** The verb. */; readonly why: string },
): Promise<void> {
  const id = siteId(place);
  const why = `envctl ${options.why} ${place.stage} of ${environment.name}`;
  const commands = new ReadyCommands(engine);
  const proxies = new ProxyHost({ engine, commands, clock, certificate: undefined, why, bringImage: undefined });
  for (const { container } of sharedProxies(observed, place)) {
    await proxies.forget(container.name, id, signal);
    // It stays where it serves others, also those that came meanwhile.
    await proxies.remove(container, { certificates: options.certificates }, signal);
  }
  // One that served the stage once may still be on its network, and no engine removes a network that is in use.
  for (const { container } of observed.proxies) {
    for (const network of observed.networks) {
      if (network in container.networks) await engine.disconnectNetwork(network, container.name, signal);
    }
  }
  for (const { container } of ownProxies(observed, place))
    await proxies.remove(container, { certificates: true }, signal);
}
