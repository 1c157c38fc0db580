import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Stage } from "../environment/model.ts";
import { siteId } from "../plan/naming.ts";
import { type DesiredProxy, desiredSites } from "../plan/proxies.ts";
import { isShared } from "../plan/site-conflicts.ts";
import { readCertificate } from "../rollout/certificate.ts";
import { driverOf } from "../rollout/proxy-host.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { whileLocked } from "./locked.ts";
import { pinProxyImage } from "./proxy-images.ts";
import { firstHost, proxyHostOf, type StageProxyOnHost } from "./stage-proxies.ts";

/** Renders the configuration of these proxies anew, from what is told on their hosts, and makes it live: no request is lost. */
export async function reloadProxies(
  workspace: Workspace,
  stage: Stage,
  proxies: readonly StageProxyOnHost[],
): Promise<void> {
  const id = siteId({ environment: workspace.environment.name, stage: stage.name });
  const certificate = await readCertificate(stage.proxy);
  await onEach(workspace, stage, "proxy reload", proxies, async ({ engine, container }) => {
    const host = proxyHostOf(workspace, stage, engine, { verb: "proxy reload", certificate });
    await host.reload(container.name, id, workspace.signal);
  });
}

/** Replaces the containers of these proxies; each is away for about a second. Volumes and networks are those it had. */
export async function recreateProxies(
  workspace: Workspace,
  stage: Stage,
  proxies: readonly StageProxyOnHost[],
): Promise<void> {
  const { proxy: settings } = stage;
  if (!settings) throw new RangeError(`stage ${stage.name} has no proxy`);
  const place = { environment: workspace.environment.name, stage: stage.name };
  const wanted = desiredSites(place, stage, { release: { name: "" }, upstreams: [] }, undefined);
  const pairs = await Promise.all(
    proxies.map(async (found) => ({ found, desired: await replacementOf(found, wanted) })),
  );
  const images = await pinProxyImage(workspace, stage, settings);
  await onEach(workspace, stage, "proxy reload --recreate", proxies, async (one, progress) => {
    const desired = pairs.find(({ found }) => found === one)?.desired;
    if (!desired) return;
    const host = proxyHostOf(workspace, stage, one.engine, { verb: "proxy reload", images });
    await host.ensure(desired, true, progress, workspace.signal);
  });
}

/** Others share a proxy with this stage, and need not agree to another program. */
async function replacementOf(
  { container, engine }: StageProxyOnHost,
  wanted: ReturnType<typeof desiredSites>,
): Promise<DesiredProxy> {
  const desired = wanted.find(({ proxy }) => proxy.name === container.name)?.proxy;
  const driver = await driverOf(container, engine.name);
  if (desired && (desired.driver === driver.name || !isShared(container))) return desired;
  throw new EnvctlError({
    code: "proxy-differs",
    exitCode: ExitCode.usage,
    what: desired
      ? `the proxy ${container.name} is ${driver.name}, and this stage asks for ${desired.driver}`
      : `the environment file asks for no proxy ${container.name} any more`,
    where: engine.name,
    state: "nothing was changed",
    next: desired ? `set \`proxy.driver: ${driver.name}\`` : "envctl up, which takes the stage out of it",
  });
}

/** One host after the other: another one serves meanwhile. */
async function onEach(
  workspace: Workspace,
  stage: Stage,
  verb: string,
  proxies: readonly StageProxyOnHost[],
  work: (proxy: StageProxyOnHost, progress: Workspace["progress"]) => Promise<void>,
): Promise<void> {
  const home = await firstHost(workspace, stage);
  await whileLocked(workspace, stage, home, `envctl ${verb} ${stage.name}`, async () => {
    for (const proxy of proxies) {
      workspace.signal.throwIfAborted();
      await workspace.progress.step(
        `${verb.replace("proxy ", "")} ${proxy.container.name} on ${proxy.engine.name}`,
        (at) => work(proxy, at),
      );
    }
  });
}
