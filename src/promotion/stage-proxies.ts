import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type Engine, Label } from "../engine/engine.ts";
import type { Stage } from "../environment/model.ts";
import { siteId } from "../plan/naming.ts";
import type { Certificate } from "../rollout/certificate.ts";
import { ProxyHost } from "../rollout/proxy-host.ts";
import { type FoundProxy, findProxies } from "../rollout/proxy-state.ts";
import { ReadyCommands } from "../rollout/ready-commands.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { connectHosts } from "./open-hosts.ts";
import { bringProxyImage, type ProxyImages } from "./proxy-images.ts";

/** A proxy that serves a stage on one of its hosts, or was made for it. */
export interface StageProxyOnHost extends FoundProxy {
  readonly engine: Engine;
}

/** The proxies of a stage on all its hosts, which must all answer. */
export async function stageProxies(workspace: Workspace, stage: Stage): Promise<StageProxyOnHost[]> {
  const { environment, signal } = workspace;
  const id = siteId({ environment: environment.name, stage: stage.name });
  const engines = await connectHosts(workspace, stage);
  const hosts = await Promise.all(
    engines.map(async (engine) => {
      const found = await findProxies(engine, signal);
      const mine = found.filter(
        ({ container, sites, problem }) =>
          sites.some((site) => site.id === id) ||
          (container.labels[Label.environment] === environment.name && container.labels[Label.stage] === stage.name) ||
          // Nobody knows whom it serves: it may well be this stage.
          problem !== undefined,
      );
      return mine.map((proxy) => ({ ...proxy, engine }));
    }),
  );
  return hosts.flat();
}

/** The same. Throws `no-proxy` (exit 2) for a stage that is to have none, and `proxy-missing` (exit 1) where none is there yet. */
export async function requireStageProxies(workspace: Workspace, stage: Stage): Promise<StageProxyOnHost[]> {
  const found = await stageProxies(workspace, stage);
  if (found.length > 0) return found;
  const deploy = stage.after.length === 0 ? `envctl up ${stage.name}` : `envctl promote ${stage.name}`;
  if (stage.proxy) {
    throw new EnvctlError({
      code: "proxy-missing",
      exitCode: ExitCode.failed,
      what: `no proxy serves ${stage.name} yet`,
      where: stage.hosts.map((host) => host.name).join(", "),
      state: "nothing was changed",
      next: deploy,
    });
  }
  throw new EnvctlError({
    code: "no-proxy",
    exitCode: ExitCode.usage,
    what: `stage ${stage.name} has no proxy`,
    where: `${workspace.environment.file}, stages.${stage.name}`,
    state: "nothing was changed",
    next: `give it a \`domain\`, or publish the port that \`app.health.path\` speaks HTTP on; then: ${deploy}`,
  });
}

/** The host that keeps the stage's lock. */
export async function firstHost(workspace: Workspace, stage: Stage): Promise<Engine> {
  const [host] = stage.hosts;
  if (!host) throw new RangeError(`stage ${stage.name} has no host`);
  return await workspace.connections.engine(host, workspace.signal);
}

/** Changes the proxies of one host, for a verb. */
export function proxyHostOf(
  workspace: Workspace,
  stage: Stage,
  engine: Engine,
  more: { readonly verb: string; readonly certificate?: Certificate | undefined; readonly images?: ProxyImages },
): ProxyHost {
  const { images } = more;
  return new ProxyHost({
    engine,
    commands: new ReadyCommands(engine),
    clock: workspace.clock,
    certificate: more.certificate,
    why: `envctl ${more.verb} ${stage.name} of ${workspace.environment.name}`,
    bringImage: images && ((driver, progress, signal) => bringProxyImage(engine, images, driver, progress, signal)),
  });
}
