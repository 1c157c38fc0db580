import type { Verb } from "../verb.ts";

export const validate: Verb = {
  name: "validate",
  group: "set up",
  summary: "check the environment file: every mistake at once, each with its place",
  arguments: [],
  options: [],
  changes: false,
  examples: [
    ["envctl validate", "the file found here or in a folder above"],
    ["envctl validate --file deploy/envctl.yaml --json", "for scripts"],
  ],
  run: async (context) => {
    const { readEnvironment, remarkOf } = await import("../../environment/load.ts");
    const { renderProblem } = await import("../../environment/render-problem.ts");
    const { clean } = await import("../view/clean.ts");
    const result = await readEnvironment({
      file: context.options.file,
      directory: context.directory,
      variables: context.variables,
    });
    const problems = [...result.problems];
    const json = { verb: "validate", file: result.file, valid: result.environment !== undefined, problems };
    if (!result.environment) {
      if (context.options.json) return { json, text: "", exitCode: 2, remarks: problems.map(remarkOf) };
      throw result.error;
    }
    const warnings = problems.map((problem) => clean(renderProblem(problem, result.source).join("\n")));
    const { name, stages } = result.environment;
    const sentence = `${context.paint("green", "✓")} ${result.file}: ${name} with ${stages.map((stage) => stage.name).join(" → ")}`;
    return { json, text: [...warnings, sentence].join("\n"), remarks: problems.map(remarkOf) };
  },
};
