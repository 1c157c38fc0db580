import { waitOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const maintenance: Verb = {
  name: "maintenance",
  group: "work with what runs",
  summary: "answer every request of a stage with a page instead of the app, on all hosts at once",
  arguments: [
    ["<action>", "on or off"],
    ["<stage>", "the stage"],
  ],
  actions: [
    {
      name: "on",
      summary: "503 and `proxy.maintenance_page`, until off: a promotion does not end it",
      needsStage: true,
    },
    { name: "off", summary: "the app again", needsStage: true },
  ],
  options: [waitOption],
  changes: true,
  examples: [
    ["envctl maintenance on prod", "clients get the page of proxy.maintenance_page"],
    ["envctl maintenance off prod", "clients get the app"],
  ],
  run: async (context, [action = "", name = ""]) => {
    const { withStage } = await import("../workspace.ts");
    const { setMaintenance } = await import("../../promotion/maintenance.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const { dryRun } = context.options;
      const on = action === "on";
      const proxies = await setMaintenance(workspace, stage, { on, dryRun });
      const changed = proxies.filter(({ changes }) => changes);
      const what = on ? "the maintenance page" : "the app";
      const where = (list: typeof proxies) => [...new Set(list.map(({ host }) => host))].join(", ");
      const text =
        changed.length === 0
          ? `clients of ${name} get ${what} already: nothing to do`
          : `${dryRun ? "would give" : "gave"} clients of ${name} ${what} on ${where(changed)}`;
      return {
        json: {
          verb: "maintenance",
          environment: workspace.environment.name,
          stage: name,
          maintenance: on,
          dryRun,
          changed: !dryRun && changed.length > 0,
          proxies: proxies.map(({ host, proxy, changes }) => ({ host, proxy, changed: changes && !dryRun, changes })),
        },
        text,
      };
    });
  },
};
