import type { Verb } from "../verb.ts";

export const completion: Verb = {
  name: "completion",
  group: "set up",
  summary: "print a script that completes verbs, stages and options in a shell",
  arguments: [["[shell]", "bash, zsh or fish"]],
  options: [
    { flags: "--stages", description: "print the names of the stages here, a line each (the scripts ask for them)" },
  ],
  changes: false,
  examples: [
    ["source <(envctl completion bash)", "in ~/.bashrc"],
    ["envctl completion fish > ~/.config/fish/completions/envctl.fish", "for fish"],
  ],
  run: async (context, [shell], options) => {
    const { completionScript, stageNames } = await import("../completion-script.ts");
    if (options.stages === true) {
      const names = await stageNames(context);
      return { json: { verb: "completion", stages: names }, text: names.join("\n") };
    }
    const script = completionScript(shell ?? "", context.verbs);
    return { json: { verb: "completion", shell, script }, text: script };
  },
};
