import type { CommanderError } from "commander";
import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { verbs } from "./verbs.ts";

/** What commander found wrong with the words, in our form. */
export function usageError(error: CommanderError, words: readonly string[]): EnvctlError {
  const said = error.message.replace(/^error: /, "").replace(/\n[\s\S]*$/, "");
  const verb = verbs.find((candidate) => words.includes(candidate.name));
  const typed = /'(-{0,2}[^']*)'/.exec(said)?.[1] ?? "";
  const meant = didYouMean(
    typed,
    error.code === "commander.unknownOption" ? optionNames(verb?.name) : verbs.map(({ name }) => name),
  );
  const suggests = error.code === "commander.unknownOption" || error.code === "commander.unknownCommand";
  return new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: suggests && meant ? `${said}; did you mean "${meant}"?` : said,
    state: "nothing was touched",
    next: verb ? `envctl ${verb.name} --help` : "envctl --help",
  });
}

function optionNames(name: string | undefined): string[] {
  const verb = verbs.find((candidate) => candidate.name === name);
  const own = (verb?.options ?? []).flatMap((option) => /--[a-z-]+/.exec(option.flags) ?? []);
  return [
    ...own,
    "--file",
    "--json",
    "--verbose",
    "--timeout",
    "--no-color",
    "--help",
    ...(verb?.changes ? ["--dry-run", "--yes"] : []),
  ];
}
