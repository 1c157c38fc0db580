import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Stage } from "../../environment/model.ts";
import { type RemovableProxy, removableProxies, removeProxies } from "../../promotion/proxy-removal.ts";
import type { Context, OptionValues, Outcome } from "../verb.ts";
import { confirmOrRefuse, withStage } from "../workspace.ts";

export async function proxyRemove(context: Context, name: string, options: OptionValues): Promise<Outcome> {
  const certificates = options.volumes === true;
  return await withStage(context, name, async (workspace, stage) => {
    const proxies = await removableProxies(workspace, stage, { certificates });
    const { dryRun } = context.options;
    if (!dryRun && proxies.length > 0) {
      await confirm(context, stage, proxies, `proxy remove ${name}${certificates ? " --volumes" : ""}`);
      await removeProxies(workspace, stage, proxies, { certificates });
    }
    const lines = proxies.map((proxy) => {
      const volumes = proxy.volumes.map((volume) => `, volume ${volume}`).join("");
      const missed = dryRun && proxy.others.length > 0 ? `; it also serves ${othersOf(proxy).join(", ")}` : "";
      return `${proxy.engine.name}: ${dryRun ? "would remove" : "removed"} ${proxy.name}${volumes}${missed}`;
    });
    return {
      json: {
        verb: "proxy",
        action: "remove",
        environment: workspace.environment.name,
        stage: name,
        dryRun,
        proxies: proxies.map((proxy) => ({
          host: proxy.engine.name,
          proxy: proxy.name,
          volumes: proxy.volumes,
          others: proxy.others.map(({ environment, stage: other }) => ({ environment, stage: other })),
        })),
      },
      text: lines.join("\n") || `no proxy of ${name} is there: nothing to remove`,
    };
  });
}

/** Whoever would be cut off is named before anybody is asked. */
async function confirm(
  context: Context,
  stage: Stage,
  proxies: readonly RemovableProxy[],
  command: string,
): Promise<void> {
  const places = proxies.map(({ name, engine }) => `${name} on ${engine.name}`).join(", ");
  const missed = proxies.flatMap((proxy) => othersOf(proxy).map((other) => `${proxy.engine.name}: ${other}`));
  const unknown = proxies.flatMap(({ problem, engine, name }) =>
    problem === undefined ? [] : [`${engine.name}: nobody knows whom ${name} serves: ${problem}`],
  );
  const evidence = [...missed, ...unknown];
  if (evidence.length === 0) {
    const question = `Remove ${places}? Nobody reaches ${stage.name} there until envctl up ${stage.name}.`;
    return await confirmOrRefuse(context, question, command);
  }
  if (await context.confirm(`${evidence.join("\n")}\nRemove ${places} all the same?`)) return;
  throw new EnvctlError({
    code: "proxy-shared",
    exitCode: ExitCode.usage,
    what: `others than ${stage.name} are served by ${places}`,
    state: "nothing was removed",
    evidence,
    next: `envctl ${command} --yes cuts them off; envctl down ${stage.name} takes this stage alone out of it`,
  });
}

function othersOf({ others }: RemovableProxy): string[] {
  return others.map((site) => {
    const where = site.domains.length > 0 ? ` (${site.domains.join(", ")}${site.path === "/" ? "" : site.path})` : "";
    return `${site.environment} ${site.stage}${where}`;
  });
}
