import { waitOption } from "../global-options.ts";
import type { Verb } from "../verb.ts";

export const down: Verb = {
  name: "down",
  group: "keep in order",
  summary: "stop and remove a stage's containers and networks on all its hosts",
  arguments: [["<stage>", "the stage"]],
  options: [{ flags: "--volumes", description: "and its volumes, with the data in them" }, waitOption],
  changes: true,
  examples: [
    ["envctl down dev", "asks first; volumes stay"],
    ["envctl down dev --volumes --yes", "everything, data included"],
  ],
  run: async (context, [name = ""], options) => {
    const { confirmOrRefuse, withStage } = await import("../workspace.ts");
    const { takeDown } = await import("../../promotion/down.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const volumes = options.volumes === true;
      const { dryRun } = context.options;
      if (!dryRun) {
        const what = volumes ? "containers, networks and volumes with their data" : "containers and networks";
        await confirmOrRefuse(
          context,
          `Remove all ${what} of ${name} on ${stage.hosts.map((host) => host.name).join(", ")}?`,
          `down ${name}`,
        );
      }
      const hosts = await takeDown(workspace, stage, { volumes, dryRun });
      const lines = hosts.map((host) => {
        const things = [
          ...host.containers,
          ...host.networks.map((one) => `network ${one}`),
          ...host.volumes.map((one) => `volume ${one}`),
          ...host.proxies.map((one) => `its site in ${one}`),
        ];
        return `${host.host}: ${things.length === 0 ? "nothing there" : `${dryRun ? "would remove" : "removed"} ${things.join(", ")}`}`;
      });
      return { json: { verb: "down", stage: name, dryRun, hosts }, text: lines.join("\n") };
    });
  },
};
