import type { Stage } from "../environment/model.ts";
import { canonicalJson } from "../plan/desired.ts";
import { siteId } from "../plan/naming.ts";
import type { Site } from "../proxy/proxy.ts";
import type { Workspace } from "../rollout/workspace.ts";
import { whileLocked } from "./locked.ts";
import { firstHost, proxyHostOf, requireStageProxies, type StageProxyOnHost } from "./stage-proxies.ts";

export interface MaintainedProxy {
  readonly host: string;
  readonly proxy: string;
  /** False where it was so already. */
  readonly changes: boolean;
}

/**
 * Lets the proxies of a stage answer with the maintenance page, or with the app again; on all hosts at once. Pages are
 * those of the environment file as it is now.
 */
export async function setMaintenance(
  workspace: Workspace,
  stage: Stage,
  wish: { readonly on: boolean; readonly dryRun: boolean },
): Promise<MaintainedProxy[]> {
  const id = siteId({ environment: workspace.environment.name, stage: stage.name });
  const found = changesOf(await requireStageProxies(workspace, stage), stage, id, wish.on);
  if (wish.dryRun || found.every(({ changes }) => !changes)) return found.map(plain);
  const home = await firstHost(workspace, stage);
  const word = `maintenance ${wish.on ? "on" : "off"}`;
  return await whileLocked(workspace, stage, home, `envctl ${word} ${stage.name}`, async () => {
    // A rollout may have ended just now: what counts is what is served since.
    const current = changesOf(await requireStageProxies(workspace, stage), stage, id, wish.on);
    await workspace.progress.step(word, async (progress) => {
      const results = await Promise.allSettled(
        current
          .filter(({ changes }) => changes)
          .map(({ engine, proxy, site }) =>
            progress.step(`${engine.name} ${proxy}`, async () => {
              const proxies = proxyHostOf(workspace, stage, engine, { verb: word });
              await proxies.route(proxy, id, site, workspace.signal);
            }),
          ),
      );
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    });
    return current.map(plain);
  });
}

function changesOf(proxies: readonly StageProxyOnHost[], stage: Stage, id: string, on: boolean) {
  return proxies.flatMap(({ engine, container, sites }) => {
    const before = sites.find((site) => site.id === id);
    if (!before) return [];
    const site: Site = {
      ...before,
      maintenance: on,
      maintenancePage: stage.proxy?.maintenancePage,
      errorPage: stage.proxy?.errorPage,
    };
    const changes = canonicalJson(site) !== canonicalJson(before);
    return [{ engine, host: engine.name, proxy: container.name, site, changes }];
  });
}

function plain({ host, proxy, changes }: MaintainedProxy): MaintainedProxy {
  return { host, proxy, changes };
}
