import type { CommanderError } from "commander";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { optionNames } from "./global-options.ts";
import type { Verb } from "./verb.ts";
import { verbs } from "./verbs.ts";

/** What commander found wrong with the words, in our form. */
export function usageError(error: CommanderError, words: readonly string[]): EnvctlError {
  const verb = verbs.find(({ name }) => name === words[0]);
  const said = reason(error, words);
  const meant = suggestion(error, said, verb);
  return new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: meant ? `${said}; did you mean "${meant}"?` : said,
    state: "nothing was touched",
    next: verb ? `envctl ${verb.name} --help` : "envctl --help",
  });
}

function reason(error: CommanderError, words: readonly string[]): string {
  // Of a verb that it cannot explain, commander says nothing at all.
  if (error.code === "commander.help") return `there is no verb '${words[1] ?? ""}'`;
  return error.message.replace(/^error: /, "").replace(/\n[\s\S]*$/, "");
}

function suggestion(error: CommanderError, said: string, verb: Verb | undefined): string | undefined {
  const typed = /'([^']*)'/.exec(said)?.[1] ?? "";
  if (error.code === "commander.unknownOption") return didYouMean(typed, optionNames(verb));
  const isVerb = error.code === "commander.unknownCommand" || error.code === "commander.help";
  return isVerb ? didYouMean(typed, [...verbs.map(({ name }) => name), "help"]) : undefined;
}
