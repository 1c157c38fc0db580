import { formatBytes } from "../../base/bytes.ts";
import type { Verb } from "../verb.ts";

export const prune: Verb = {
  name: "prune",
  group: "keep in order",
  summary: "remove this environment's images that no container needs, and what stages that are gone left behind",
  arguments: [],
  options: [],
  changes: true,
  examples: [["envctl prune --dry-run", "what would go"]],
  run: async (context) => {
    const { confirmOrRefuse, withWorkspace } = await import("../workspace.ts");
    const { prune: pruneHosts } = await import("../../promotion/prune.ts");
    return await withWorkspace(context, undefined, async (workspace) => {
      const { dryRun } = context.options;
      if (!dryRun)
        await confirmOrRefuse(
          context,
          `Remove what ${workspace.environment.name} no longer needs on all its hosts?`,
          "prune",
        );
      const hosts = await pruneHosts(workspace, { dryRun });
      const lines = hosts.map((host) => {
        const things = [
          ...host.containers,
          ...host.networks.map((network) => `network ${network}`),
          ...host.sites.map((site) => `the site of ${site}`),
          ...host.images.map((image) => `image ${image}`),
        ];
        if (things.length === 0) return `${host.host}: nothing to remove`;
        return `${host.host}: ${dryRun ? "would remove" : "removed"} ${things.join(", ")} (${formatBytes(host.size)}, shared layers included)`;
      });
      return { json: { verb: "prune", dryRun, hosts }, text: lines.join("\n") };
    });
  },
};
