import { recreateProxies, reloadProxies } from "../../promotion/proxy-reload.ts";
import { requireStageProxies } from "../../promotion/stage-proxies.ts";
import type { Context, OptionValues, Outcome } from "../verb.ts";
import { confirmOrRefuse, withStage } from "../workspace.ts";

export async function proxyReload(context: Context, name: string, options: OptionValues): Promise<Outcome> {
  const recreate = options.recreate === true;
  return await withStage(context, name, async (workspace, stage) => {
    const proxies = await requireStageProxies(workspace, stage);
    const { dryRun } = context.options;
    const places = proxies.map(({ engine, container }) => `${container.name} on ${engine.name}`).join(", ");
    if (!dryRun && recreate) {
      const served = [...new Set(proxies.flatMap(({ sites }) => sites.map((site) => site.id)))].join(", ");
      const gap = `Replace ${places} by a new container? Until it serves, about a second, nobody reaches ${served}.`;
      await confirmOrRefuse(context, gap, `proxy reload ${name} --recreate`);
    }
    if (!dryRun) await (recreate ? recreateProxies : reloadProxies)(workspace, stage, proxies);
    const [will, did] = recreate ? ["would replace", "replaced"] : ["would reload", "reloaded"];
    return {
      json: {
        verb: "proxy",
        action: "reload",
        environment: workspace.environment.name,
        stage: name,
        dryRun,
        recreate,
        proxies: proxies.map(({ engine, container, sites }) => ({
          host: engine.name,
          proxy: container.name,
          sites: sites.map((site) => site.id),
        })),
      },
      text: `${dryRun ? will : did} ${places}${dryRun && recreate ? " (a gap of about a second)" : ""}`,
    };
  });
}
