import { type Engine, Label } from "../engine/engine.ts";
import { proxyNetwork, proxyVolume } from "../plan/naming.ts";
import { proxyLabels } from "./proxy-state.ts";

/** The volumes of one proxy; those of `envctl-proxy-8080-8443` are not those of `envctl-proxy`. */
export async function proxyVolumes(engine: Engine, proxy: string, signal: AbortSignal) {
  const own = proxyVolume(proxy, "");
  const volumes = await engine.volumes(proxyLabels, signal);
  return volumes.filter(({ name }) => name.startsWith(own) && /^[a-z]+$/.test(name.slice(own.length)));
}

/**
 * Removes a proxy with all it has on the host, and the network of proxies after the last of them. Certificates that it
 * obtained stay in their volume unless `certificates` is set: authorities give out only so many in a week.
 */
export async function removeProxy(
  engine: Engine,
  proxy: { readonly id: string; readonly name: string; readonly stopGrace: number },
  signal: AbortSignal,
  options: { readonly certificates: boolean },
): Promise<void> {
  const found = await engine.container(proxy.id, signal);
  if (found) {
    await engine.stopContainer(found.id, found.stopGrace, signal);
    await engine.removeContainer(found.id, signal);
  }
  for (const { name } of await proxyVolumes(engine, proxy.name, signal)) {
    if (name === proxyVolume(proxy.name, "envctl") || options.certificates) await engine.removeVolume(name, signal);
  }
  if ((await engine.containers(proxyLabels, signal)).length > 0) return;
  const networks = await engine.networks({ [Label.role]: "network" }, signal);
  if (networks.some(({ name }) => name === proxyNetwork)) await engine.removeNetwork(proxyNetwork, signal);
}
