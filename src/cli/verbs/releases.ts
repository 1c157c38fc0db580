import { formatBytes } from "../../base/bytes.ts";
import { shortDigest } from "../../base/digest.ts";
import { formatDuration } from "../../base/duration.ts";
import type { Verb } from "../verb.ts";

export const releases: Verb = {
  name: "releases",
  group: "look",
  summary: "every release in the image's repository, and the stages that run it",
  arguments: [],
  options: [],
  changes: false,
  examples: [["envctl releases", "newest first"]],
  run: async (context) => {
    const { withWorkspace } = await import("../workspace.ts");
    const { listReleases } = await import("../../promotion/releases.ts");
    const { Ledger } = await import("../../promotion/ledger.ts");
    const { releaseDocument } = await import("./deployment-outcome.ts");
    const { renderTable } = await import("../view/table.ts");
    return await withWorkspace(context, undefined, async ({ environment, connections, signal, clock }) => {
      const repository = await connections.repository(environment.image);
      const [found, heads] = await Promise.all([
        listReleases(repository, signal),
        Promise.all(
          environment.stages.map(async (stage) => {
            const ledger = new Ledger(await connections.repository(stage.repository), environment.name, stage.name);
            return { stage: stage.name, record: (await ledger.newestSuccess(signal))?.record };
          }),
        ),
      ]);
      const stagesOf = (digest: string) =>
        heads.filter(({ record }) => record?.release?.digest === digest).map(({ stage }) => stage);
      const rows = found.map((release) => [
        release.name,
        shortDigest(release.digest),
        `${formatDuration(Math.max(0, clock.now().getTime() - Date.parse(release.builtAt)))} ago`,
        formatBytes(release.size),
        { text: stagesOf(release.digest).join(", "), style: "green" as const },
      ]);
      return {
        json: {
          verb: "releases",
          environment: environment.name,
          releases: found.map((release) => ({ ...releaseDocument(release), stages: stagesOf(release.digest) })),
        },
        text:
          rows.length === 0
            ? "no releases yet: envctl build"
            : renderTable(["RELEASE", "DIGEST", "BUILT", "SIZE", "RUNS IN"], rows, context.paint, context.width),
      };
    });
  },
};
