import type { Engine } from "../engine/engine.ts";
import { siteId } from "../plan/naming.ts";
import type { ObservedHost, ObservedProxy } from "../plan/observed.ts";
import { ownProxies } from "../plan/plan-sites.ts";
import { isShared } from "../plan/site-conflicts.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import { ReadyCommands } from "../rollout/ready-commands.ts";
import type { Workspace } from "../rollout/workspace.ts";

/** The proxies that this stage shares with others. */
export function sharedProxies(observed: ObservedHost, id: string): ObservedProxy[] {
  return observed.proxies.filter(({ container, sites }) => isShared(container) && sites.some((site) => site.id === id));
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
  for (const { container } of sharedProxies(observed, id)) {
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
