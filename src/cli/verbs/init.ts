import { EnvctlError, ExitCode } from "../../base/errors.ts";
import { type Context, text, type Verb } from "../verb.ts";

export const init: Verb = {
  name: "init",
  group: "set up",
  summary: "write a first environment file, and a Dockerfile if there is none",
  arguments: [],
  options: [
    {
      flags: "--kind <kind>",
      description: "dockerfile, node, python, go, java, rust or static (default: what is found here)",
    },
    { flags: "--name <name>", description: "name of the environment (default: the folder's)" },
    { flags: "--port <port>", description: "port on which the program listens" },
    { flags: "--force", description: "write over what is there" },
  ],
  changes: true,
  examples: [
    ["envctl init", "looks at the folder and asks"],
    ["envctl init --kind node --port 3000 --yes", "asks nothing"],
  ],
  run: async (context, _, options) => {
    const { detect, nameFor } = await import("../../init/detect.ts");
    const { kinds } = await import("../../init/detection.ts");
    const { filesFor, writeFiles } = await import("../../init/initialize.ts");
    const kind = readKind(text(options, "kind"), kinds);
    const detection = detect(context.directory, kind);
    if (!detection) throw nothingFound(context.directory);
    const answers = await ask(context, options, {
      name: text(options, "name") ?? nameFor(context.directory),
      port: text(options, "port") ?? String(detection.port),
    });
    const { name, port } = check(answers);
    const files = filesFor(context.directory, name, { ...detection, port }, options.force === true);
    if (!context.options.dryRun) await writeFiles(context.directory, files);
    const { dryRun } = context.options;
    const lines = files.map((file) =>
      file.kept
        ? `  ${context.paint("dim", `${file.name} (kept as it is)`)}`
        : `  ${context.paint("green", file.name)}`,
    );
    const shown = dryRun ? files.filter((file) => !file.kept).map((file) => `--- ${file.name}\n${file.content}`) : [];
    return {
      json: {
        verb: "init",
        kind: detection.kind,
        name,
        port,
        dryRun,
        files: files.map((file) => ({ name: file.name, kept: file.kept })),
      },
      text: [
        `${dryRun ? "would write" : "wrote"} for ${detection.kind === "dockerfile" ? "the Dockerfile here" : detection.kind}:`,
        ...lines,
        ...shown,
        `next: ${context.paint("cyan", "envctl validate")}, then ${context.paint("cyan", "envctl up dev")}`,
      ].join("\n"),
    };
  },
};

interface Answers {
  readonly name: string;
  readonly port: string;
}

async function ask(context: Context, options: Readonly<Record<string, unknown>>, proposed: Answers): Promise<Answers> {
  if (!context.interactive || context.options.yes) return proposed;
  const prompts = await import("@clack/prompts");
  const question = async (message: string, initialValue: string) => {
    const answer = await prompts.text({ message, initialValue });
    if (typeof answer === "string") return answer;
    throw new EnvctlError({
      code: "interrupted",
      exitCode: ExitCode.interrupted,
      what: "interrupted",
      state: "nothing was written",
    });
  };
  return {
    name: options.name === undefined ? await question("What is the environment called?", proposed.name) : proposed.name,
    port:
      options.port === undefined
        ? await question("On which port does the program listen?", proposed.port)
        : proposed.port,
  };
}

function check({ name, port }: Answers): { name: string; port: number } {
  const number = Number(port);
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
    throw usage(
      `"${name}" is no name of an environment`,
      "lower-case letters, digits and dashes, beginning with a letter",
    );
  if (!/^\d{1,5}$/.test(port) || number < 1 || number > 65_535)
    throw usage(`"${port}" is no port`, "a number from 1 to 65535");
  return { name, port: number };
}

function readKind<Kind extends string>(typed: string | undefined, kinds: readonly Kind[]): Kind | undefined {
  if (typed === undefined) return undefined;
  const kind = kinds.find((candidate) => candidate === typed);
  if (kind) return kind;
  throw usage(`"${typed}" is no kind of project`, `one of: ${kinds.join(", ")}`);
}

function usage(what: string, next: string): EnvctlError {
  return new EnvctlError({ code: "usage", exitCode: ExitCode.usage, what, state: "nothing was written", next });
}

function nothingFound(directory: string): EnvctlError {
  return new EnvctlError({
    code: "nothing-found",
    exitCode: ExitCode.usage,
    what: "nothing here tells what kind of project this is",
    where: directory,
    state: "nothing was written",
    next: "write a Dockerfile and try again, or name it: envctl init --kind node",
  });
}
