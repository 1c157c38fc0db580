import { Command, CommanderError } from "commander";
import { systemClock } from "../base/clock.ts";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { Progress } from "../base/progress.ts";
import { Situation } from "../rollout/situation.ts";
import { actionHelp, requireAction, usageOf } from "./actions.ts";
import { globalOptions, optionsOf } from "./global-options.ts";
import { Interruption } from "./interruption.ts";
import type { Output } from "./output.ts";
import { overview } from "./overview.ts";
import { readDuration } from "./read-duration.ts";
import type { Context } from "./verb.ts";
import { type OptionValues, text, type Verb } from "./verb.ts";
import { verbs } from "./verbs.ts";
import { clean } from "./view/clean.ts";

/** The command line, made from the table of verbs. Throws commander's errors instead of leaving the process. */
export function createProgram(version: string, output: Output, words: readonly string[]): Command {
  const end = words.indexOf("--");
  const literal = end < 0 ? [] : words.slice(end + 1);
  const program = new Command("envctl")
    .usage("<verb> [options]")
    .description("One image, promoted by digest through dev, test and prod on your own hosts.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [verb]", "explain a verb")
    .exitOverride()
    .configureOutput({
      writeOut: (help) => output.write(help),
      // Errors are thrown, and printed in our own form.
      writeErr: () => {},
    })
    .addHelpText("after", () => `\n${overview(output.paint)}`)
    .configureHelp({ visibleCommands: () => [] });
  // What is wrong with a verb that is none is the verb, and not the options that people type with every verb.
  program.allowExcessArguments().allowUnknownOption();
  program.action(() => {
    const shared = new Set(globalOptions.flatMap(({ flags }) => flags.match(/--?[a-z-]+/g) ?? []));
    const unknown = program.args.find((word) => !shared.has(word));
    if (unknown?.startsWith("-")) throw new CommanderError(1, "commander.unknownOption", `unknown option '${unknown}'`);
    if (unknown !== undefined) throw new CommanderError(1, "commander.unknownCommand", `there is no verb '${unknown}'`);
    if (program.args.length > 0) throw new CommanderError(1, "commander.missingArgument", "which verb?");
    output.write(`${program.helpInformation()}\n${overview(output.paint)}`);
  });
  // A verb that was typed needs none of the others, whose options take 10 ms; help and misspellings need them all.
  const typed = verbs.filter(({ name }) => name === words[0]);
  for (const verb of typed.length > 0 ? typed : verbs) program.addCommand(createCommand(verb, output, literal));
  return program;
}

function createCommand(verb: Verb, output: Output, literal: readonly string[]): Command {
  const command = new Command(verb.name).summary(verb.summary).description(verb.summary).exitOverride();
  for (const [syntax, description] of verb.arguments) command.argument(syntax, description);
  if (verb.actions) command.usage(`${usageOf(verb).slice(verb.name.length + 1)} [options]`);
  for (const option of optionsOf(verb)) {
    if (option.repeatable) command.option(option.flags, option.description, gather);
    else command.option(option.flags, option.description, option.default);
  }
  command
    .configureOutput({ writeOut: (help) => output.write(help), writeErr: () => {} })
    .addHelpText("after", () => `${actionHelp(verb)}${examples(verb)}`);
  command.action(async () => {
    await runVerb(verb, { args: command.args, literal }, command.opts<OptionValues>(), output);
  });
  return command;
}

function gather(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function examples(verb: Verb): string {
  const width = Math.max(...verb.examples.map(([line]) => line.length));
  return `\nExamples:\n${verb.examples.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}`).join("\n")}\n`;
}

interface Words {
  readonly args: readonly string[];
  readonly literal: readonly string[];
}

async function runVerb(verb: Verb, { args, literal }: Words, options: OptionValues, output: Output): Promise<void> {
  requireAction(verb, args, options);
  const variables = process.env;
  const timeout = readDuration("--timeout", text(options, "timeout"));
  const endless = verb.endless?.(options) ?? false;
  if (verb.linewise?.(options) ?? endless) output.printLines();
  const view = await output.openView(variables);
  const situation = new Situation();
  const interruption = new Interruption(output, { timeout, quiet: endless, situation });
  const context: Context = {
    verb: verb.name,
    options: {
      file: text(options, "file"),
      json: output.json,
      verbose: output.verbose,
      yes: options.yes === true,
      dryRun: options.dryRun === true,
      timeout,
      wait: readDuration("--wait", text(options, "wait")),
      skipHooks: options.skipHooks === true,
    },
    directory: process.cwd(),
    variables,
    progress: new Progress(view.listener),
    clock: systemClock,
    signal: interruption.signal,
    situation,
    interactive: output.interactive,
    confirm: async (question) => options.yes === true || (output.interactive && (await ask(question))),
    write: (line) => output.write(line),
    paint: output.paint,
    literal,
    verbs,
    width: output.width,
  };
  try {
    const outcome = await verb.run(context, args, options);
    await output.finish();
    if (!output.json) output.result(outcome.text);
    else if (outcome.json !== undefined) output.document(outcome.json);
    await output.report(outcome);
    output.exitCode = outcome.exitCode ?? ExitCode.done;
  } catch (error) {
    const reason = interruption.explain(error);
    if (!endless || !(reason instanceof EnvctlError) || reason.exitCode !== ExitCode.interrupted) throw reason;
    output.exitCode = reason.exitCode;
  } finally {
    interruption.end();
  }
}

async function ask(question: string): Promise<boolean> {
  const { confirm, isCancel } = await import("@clack/prompts");
  // On stderr, because stdout is for results and may be a file.
  const answer = await confirm({ message: clean(question), initialValue: false, output: process.stderr });
  if (!isCancel(answer)) return answer;
  throw new EnvctlError({
    code: "interrupted",
    exitCode: ExitCode.interrupted,
    what: "interrupted",
    state: "nothing was changed",
  });
}
