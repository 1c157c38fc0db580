import { flagNames, globalOptions, optionsOf, stagePlacesOf, takesValue } from "./global-options.ts";
import type { Verb, VerbOption } from "./verb.ts";

const stages = "'(envctl completion --stages (__envctl_file) 2>/dev/null)'";
const noVerb = "-n 'not __envctl_verb >/dev/null'";

/** The script for fish, whose own conditions take the value of an option before the verb for the verb. */
export function fishScript(verbs: readonly Verb[], shells: readonly string[]): string {
  const names = verbs.map((verb) => verb.name).join(" ");
  return [
    functions(verbs),
    ...globalOptions.map((option) => `complete -c envctl ${noVerb} ${optionText(option)}`),
    `complete -c envctl ${noVerb} -l version`,
    ...verbs.flatMap((verb) => linesOf(verb, shells)),
    `complete -c envctl -f ${noVerb} -a help -d 'explain a verb'`,
    `complete -c envctl -f -n '__envctl_is help' -a '${names}'`,
  ].join("\n");
}

function functions(verbs: readonly Verb[]): string {
  const valued = globalOptions.filter(takesValue).flatMap(flagNames).join(" ");
  const shortened = verbs.filter((verb) => !optionsOf(verb).some(({ flags }) => flags.startsWith("-f, --file")));
  return `function __envctl_verb
  set -l skip 1
  for word in (commandline -opc)
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${valued}
        set skip 1
      case '-*'
      case '*'
        echo $word
        return
    end
  end
  return 1
end
function __envctl_is
  test "$(__envctl_verb)" = $argv[1]
end
function __envctl_file
  set -l words (commandline -opc)
  set -l verb
  for index in (seq 2 (count $words))
    switch $words[$index]
      case '--file=*'
        string split -m 1 = -- $words[$index]
        return
      case --file -f
        if test $words[$index] = --file; or not contains -- "$verb" ${shortened.map(({ name }) => name).join(" ")}
          echo --file
          echo $words[(math $index + 1)]
          return
        end
      case '-*'
      case '*'
        if test "$verb" = ''
          set verb $words[$index]
        end
    end
  end
end`;
}

function linesOf(verb: Verb, shells: readonly string[]): string[] {
  const is = `__envctl_is ${verb.name}`;
  const actions = verb.actions?.map(({ name }) => name).join(" ");
  const seen = `__fish_seen_subcommand_from ${actions}`;
  const line = (condition: string, what: string) => `complete -c envctl ${condition} ${what}`;
  return [
    line(`-f ${noVerb}`, `-a ${verb.name} -d ${quoted(verb.summary)}`),
    ...[...optionsOf(verb), { flags: "-h, --help", description: "" }].map((option) =>
      line(`-n '${is}'`, optionText(option)),
    ),
    ...(verb.actions ?? []).map(({ name, summary }) =>
      line(`-f -n '${is}; and not ${seen}'`, `-a ${name} -d ${quoted(summary)}`),
    ),
    ...(stagePlacesOf(verb).length > 0 ? [line(`-f -n '${is}${actions ? `; and ${seen}` : ""}'`, `-a ${stages}`)] : []),
    ...(verb.name === "completion" ? [line(`-f -n '${is}'`, `-a '${shells.join(" ")}'`)] : []),
  ];
}

function optionText(option: VerbOption): string {
  const names = flagNames(option).map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag[1]}`));
  return `${names.join(" ")}${valueText(option)}`;
}

function valueText({ flags, values }: VerbOption): string {
  if (values) return ` -x -a '${values.join(" ")}'`;
  if (flags.endsWith("<stage>")) return ` -x -a ${stages}`;
  if (/<(?:path|file)>$/.test(flags)) return " -r -F";
  return flags.includes("<") ? " -x" : "";
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
