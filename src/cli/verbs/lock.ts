import { waitOption } from "../global-options.ts";
import { text, type Verb } from "../verb.ts";

export const lock: Verb = {
  name: "lock",
  group: "keep in order",
  summary: "keep everybody from changing a stage, until unlock; or show who holds it",
  arguments: [["<stage>", "the stage"]],
  options: [
    { flags: "-m, --message <why>", description: "why: shown to whoever is refused" },
    { flags: "--for <duration>", description: "how long at most", default: "8h" },
    { flags: "--show", description: "only show who holds it" },
    waitOption,
  ],
  changes: true,
  examples: [
    ['envctl lock prod -m "sale until 18:00" --for 6h', "hold prod"],
    ["envctl lock prod --show", "who holds it?"],
  ],
  run: async (context, [name = ""], options) => {
    const { withStage } = await import("../workspace.ts");
    const { takeLock } = await import("../../rollout/take-lock.ts");
    const { stageLock } = await import("../stage-lock.ts");
    const { readDuration } = await import("../read-duration.ts");
    const { holderDocument, holderWords } = await import("../view/holder.ts");
    const lifetime = readDuration("--for", text(options, "for")) ?? 0;
    return await withStage(context, name, async (workspace, stage) => {
      const held = await stageLock(workspace, stage);
      if (options.show === true || context.options.dryRun) {
        const holders = await held.holders(workspace.signal);
        const words = holders.map(holderWords).join("\n") || `${name} is not locked`;
        return { json: { verb: "lock", stage: name, holders: holders.map(holderDocument) }, text: words };
      }
      const why = text(options, "message") ?? "locked by hand";
      await takeLock(workspace, name, held, { why, lifetime, held: true });
      const holders = await held.holders(workspace.signal);
      return {
        json: { verb: "lock", stage: name, holders: holders.map(holderDocument) },
        text: holders.map(holderWords).join("\n"),
      };
    });
  },
};
