import type { Verb } from "../verb.ts";

export const config: Verb = {
  name: "config",
  group: "set up",
  summary: "what is in force: variables replaced, defaults filled in, secrets masked",
  arguments: [["[stage]", "one stage; without it, all"]],
  options: [],
  changes: false,
  examples: [
    ["envctl config test", "what the file says for test"],
    ["envctl config --json", "the same as JSON"],
  ],
  run: async (context, [name]) => {
    const { loadEnvironment } = await import("../../environment/load.ts");
    const { resolvedDocument } = await import("../../environment/resolved-document.ts");
    const { renderYaml } = await import("../view/yaml.ts");
    const { findStage } = await import("../../rollout/workspace.ts");
    const { file } = context.options;
    const { environment } = await loadEnvironment({
      file,
      directory: context.directory,
      variables: context.variables,
      stage: name,
    });
    if (name !== undefined) findStage(environment, name);
    const document = resolvedDocument(environment, name);
    return {
      json: { verb: "config", file: environment.file, environment: document },
      text: renderYaml(document),
    };
  },
};
