import type { Verb } from "../verb.ts";

export const unlock: Verb = {
  name: "unlock",
  group: "keep in order",
  summary: "release a stage's lock, whoever holds it",
  arguments: [["<stage>", "the stage"]],
  options: [],
  changes: true,
  examples: [["envctl unlock prod", "shows who held it, and asks first"]],
  run: async (context, [name = ""]) => {
    const { confirmOrRefuse, withStage } = await import("../workspace.ts");
    const { stageLock } = await import("../stage-lock.ts");
    const { holderDocument, holderWords } = await import("../view/holder.ts");
    return await withStage(context, name, async (workspace, stage) => {
      const held = await stageLock(workspace, stage);
      const holders = await held.holders(workspace.signal);
      const json = { verb: "unlock", stage: name, broken: holders.map(holderDocument), dryRun: context.options.dryRun };
      if (holders.length === 0) return { json, text: `${name} is not locked` };
      const words = holders.map(holderWords).join("\n");
      if (context.options.dryRun) return { json, text: words };
      await confirmOrRefuse(context, `${words}\nBreak this lock?`, `unlock ${name}`);
      await held.break(workspace.signal);
      return { json, text: `${name} is unlocked; it was ${words}` };
    });
  },
};
