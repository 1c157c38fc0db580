import { EnvctlError, ExitCode } from "../../base/errors.ts";
import type { Detection } from "../../init/detection.ts";
import type { InitFile, InitRequest } from "../../init/initialize.ts";
import type { StageHosts } from "../../init/stage-hosts.ts";
import { type Context, type OptionValues, type Outcome, text, type Verb } from "../verb.ts";
import type { InitChecks } from "./init-questions.ts";

export const init: Verb = {
  name: "init",
  group: "set up",
  summary: "write a first environment file, and a Dockerfile if there is none",
  arguments: [],
  options: [
    {
      flags: "--kind <kind>",
      description:
        "dockerfile, node, node-static, python, go, java, rust or static (default: the likeliest that is found here)",
      values: ["dockerfile", "node", "node-static", "python", "go", "java", "rust", "static"],
    },
    { flags: "--name <name>", description: "name of the environment (default: the folder's)" },
    { flags: "--port <port>", description: "port on which the program listens (default: what its files tell)" },
    { flags: "--test <hosts>", description: "where test runs: ssh://user@host, several separated by commas" },
    { flags: "--prod <hosts>", description: "where prod runs" },
    {
      flags: "--ci <service>",
      description: "write only a pipeline for it: github, gitlab, shell or systemd",
      values: ["github", "gitlab", "shell", "systemd"],
    },
    { flags: "--force", description: "write over what is there" },
  ],
  changes: true,
  examples: [
    ["envctl init", "looks at the folder and asks"],
    ["envctl init --yes", "asks nothing"],
    ["envctl init --ci github", "adds a workflow that runs envctl pipeline"],
    ["envctl init --test deploy@test.example.com --dry-run", "shows what it would write"],
  ],
  run: async (context, _, options) => {
    const service = text(options, "ci");
    if (service !== undefined) return await pipelineFor(context, service, options.force === true);
    const { chooseKind } = await import("../../init/choose-kind.ts");
    const { detectAll } = await import("../../init/detect.ts");
    const { filesFor, writeFiles } = await import("../../init/initialize.ts");
    if (context.options.file !== undefined)
      throw usage("init writes envctl.yaml into the folder where it is typed", "leave --file out");
    const force = options.force === true;
    const found = chooseKind(detectAll(context.directory), text(options, "kind"), force, context.directory);
    const request = await complete(context, options, found, force);
    const files = filesFor(request);
    if (!context.options.dryRun) await writeFiles(request, files);
    return tell(context, request, files);
  },
};

async function pipelineFor(context: Context, service: string, force: boolean): Promise<Outcome> {
  const { writePipeline } = await import("../../init/pipeline-file.ts");
  const { dryRun } = context.options;
  const { name, content } = await writePipeline(context.directory, service, { force, dryRun });
  return {
    json: { verb: "init", service, dryRun, files: [{ name, ...(dryRun ? { content } : {}) }] },
    text: dryRun
      ? `would write:\n\n${context.paint("bold", `--- ${name}`)}\n${content.trimEnd()}`
      : `wrote ${context.paint("green", name)}: its first lines say what it needs`,
  };
}

async function complete(
  context: Context,
  options: OptionValues,
  found: readonly [Detection, ...Detection[]],
  force: boolean,
): Promise<InitRequest> {
  const { isName, nameFor } = await import("../../init/name.ts");
  const { readHostList, wrongHost } = await import("../../init/stage-hosts.ts");
  const checks: InitChecks = {
    name: (value) =>
      isName(value)
        ? undefined
        : "lower-case letters, digits and dashes, from a letter to a letter or digit, 31 at most",
    port: (value) =>
      /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535 ? undefined : "a number from 1 to 65535",
    hosts: (value) => {
      const wrong = wrongHost(readHostList(value));
      return wrong === undefined ? undefined : `"${wrong}" is no address: ssh://user@host, tcp://host:2376 or local`;
    },
  };
  const given = (name: string, check: InitChecks["name"]): string | undefined => {
    const value = text(options, name);
    const wrong = value === undefined ? undefined : check(value);
    if (value !== undefined && wrong !== undefined) throw usage(`--${name} ${value} cannot be`, wrong);
    return value;
  };
  const said = {
    name: given("name", checks.name),
    port: given("port", checks.port),
    test: given("test", checks.hosts),
    prod: given("prod", checks.hosts),
  };
  const proposedName = nameFor(context.directory);
  const open = (value: string | undefined, proposed: string) => (value === undefined ? proposed : undefined);
  const [likeliest] = found;
  const answers =
    context.interactive && !context.options.yes
      ? await (await import("./init-questions.ts")).askQuestions(
          {
            kinds: found.length > 1 && likeliest.kind !== "dockerfile" ? found : undefined,
            name: open(said.name, proposedName),
            port: said.port === undefined ? ({ port }) => String(port) : undefined,
            test: open(said.test, ""),
            prod: open(said.prod, ""),
          },
          likeliest,
          checks,
          context.signal,
        )
      : undefined;
  const detection = answers?.detection ?? likeliest;
  const hostsOf = (stage: keyof StageHosts) => readHostList(said[stage] ?? answers?.[stage] ?? "");
  const port = Number(said.port ?? answers?.port ?? detection.port);
  return {
    directory: context.directory,
    name: said.name ?? answers?.name ?? proposedName,
    detection: {
      ...detection,
      port,
      notes: [...detection.notes, ...otherKinds(found, detection, answers === undefined)],
    },
    hosts: { test: hostsOf("test"), prod: hostsOf("prod") },
    force,
  };
}

/** Where nobody chose, the others that it might be are named. */
function otherKinds(found: readonly Detection[], taken: Detection, unasked: boolean): string[] {
  const others = found.filter(({ kind }) => kind !== taken.kind && taken.kind !== "dockerfile");
  if (!unasked || others.length === 0) return [];
  const names = others.map((other) => `${other.kind} (${other.found})`).join(", ");
  return [`it might also be ${names}: envctl init --force --kind ${others[0]?.kind}`];
}

function tell(context: Context, { name, detection, hosts }: InitRequest, files: readonly InitFile[]): Outcome {
  const { dryRun } = context.options;
  const { paint } = context;
  const stage = (["test", "prod"] as const).find((candidate) => hosts[candidate].length > 0);
  const next = ["envctl validate", "envctl up dev", ...(stage === undefined ? [] : [`envctl promote ${stage}`])];
  const fresh = files.filter((file) => !file.kept);
  return {
    json: {
      verb: "init",
      kind: detection.kind,
      found: detection.found,
      name,
      port: detection.port,
      hosts,
      dryRun,
      notes: detection.notes,
      files: files.map((file) => ({ name: file.name, kept: file.kept, ...(dryRun ? { content: file.content } : {}) })),
      next,
    },
    text: [
      `found ${detection.found}; ${dryRun ? "would write" : "wrote"} for it:`,
      ...files.map((file) =>
        file.kept
          ? `  ${paint("dim", `${file.name} (is there already, stays as it is)`)}`
          : `  ${paint("green", file.name)}`,
      ),
      ...detection.notes.map((note) => `${paint("yellow", "note:")} ${note}`),
      ...(dryRun ? fresh.map((file) => `\n${paint("bold", `--- ${file.name}`)}\n${file.content.trimEnd()}`) : []),
      `${dryRun ? "\n" : ""}next: ${next.map((command) => paint("cyan", command)).join(", then ")}`,
    ].join("\n"),
  };
}

function usage(what: string, next: string): EnvctlError {
  return new EnvctlError({ code: "usage", exitCode: ExitCode.usage, what, state: "nothing was written", next });
}
