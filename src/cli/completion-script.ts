import { EnvctlError, ExitCode } from "../base/errors.ts";
import { optionNames, optionsOf } from "./global-options.ts";
import type { Context, Verb } from "./verb.ts";

const shells = ["bash", "zsh", "fish"];

/** The script for a shell. Throws `usage` (exit 2) for a shell that is not known. */
export function completionScript(shell: string, verbs: readonly Verb[]): string {
  if (shell === "bash") return bash(verbs);
  if (shell === "zsh") return `autoload -U +X bashcompinit && bashcompinit\n${bash(verbs)}`;
  if (shell === "fish") return fish(verbs);
  throw new EnvctlError({
    code: "usage",
    exitCode: ExitCode.usage,
    what: shell === "" ? "which shell?" : `there is no script for "${shell}"`,
    state: "nothing was touched",
    next: "envctl completion bash (or zsh, or fish)",
  });
}

/** Names of the stages in the environment file here; none where there is no file that can be read. */
export async function stageNames(context: Context): Promise<string[]> {
  const { loadEnvironment } = await import("../environment/load.ts");
  const { file } = context.options;
  try {
    const { environment } = await loadEnvironment({ file, directory: context.directory, variables: context.variables });
    return environment.stages.map((stage) => stage.name);
  } catch {
    // A completion that prints an error would garble the line that is being typed.
    return [];
  }
}

function takesStage(verb: Verb): boolean {
  return verb.arguments.some(([syntax]) => /stage|other/.test(syntax));
}

function actionNames({ actions = [] }: Verb): string {
  return actions.map(({ name }) => name).join(" ");
}

function bash(verbs: readonly Verb[]): string {
  const names = [...verbs.map((verb) => verb.name), "help"].join(" ");
  const cases = verbs.map((verb) => {
    const values = verb.name === "completion" ? shells : [];
    return `    ${verb.name}) words="${[...values, ...optionNames(verb)].join(" ")}" ;;`;
  });
  // With these, `-f` is no file.
  const otherwise = verbs.filter((verb) => !optionsOf(verb).some(({ flags }) => flags.startsWith("-f, --file")));
  const staged = verbs.filter(takesStage).map((verb) => verb.name);
  const acting = verbs.flatMap(({ name, actions = [] }) =>
    actions.length > 0 ? [`      ${name}) words="${actions.map((action) => action.name).join(" ")}" ;;`] : [],
  );
  return `_envctl_stages() {
  local index file=""
  for ((index = 2; index < COMP_CWORD; index++)); do
    case "\${COMP_WORDS[1]} \${COMP_WORDS[index]}" in
      ${otherwise.map((verb) => `"${verb.name} -f"`).join(" | ")}) ;;
      *" -f" | *" --file") file="\${COMP_WORDS[index + 1]}" ;;
    esac
  done
  envctl completion --stages \${file:+--file "$file"} 2>/dev/null
}
_envctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" words=""
  case "\${COMP_WORDS[1]}" in
    help) words="${names}" ;;
${cases.join("\n")}
  esac
  if [[ "$current" != -* ]]; then
    case "\${COMP_WORDS[1]}" in
      ${staged.join(" | ")}) words="$(_envctl_stages)" ;;
    esac
  fi
  if [[ "$current" != -* && "$COMP_CWORD" -eq 2 ]]; then
    case "\${COMP_WORDS[1]}" in
${acting.join("\n")}
    esac
  fi
  case "\${COMP_WORDS[1]} $before" in
    ${otherwise.map((verb) => `"${verb.name} -f"`).join(" | ")}) ;;
    *" -f" | *" --file") words="" ;;
    *" --stage") words="$(_envctl_stages)" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${names} --help --version"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _envctl envctl`;
}

function fish(verbs: readonly Verb[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = verbs.flatMap((verb) => [
    `complete -c envctl -f -n __fish_use_subcommand -a ${verb.name} -d ${quoted(verb.summary)}`,
    ...optionNames(verb).map(
      (option) =>
        `complete -c envctl -n '__fish_seen_subcommand_from ${verb.name}' -l ${option.slice(2)}${option === "--file" ? " -r -F" : ""}`,
    ),
    ...(verb.actions ?? []).map(
      (action) =>
        `complete -c envctl -f -n '__fish_seen_subcommand_from ${verb.name}; and not __fish_seen_subcommand_from ${actionNames(verb)}' -a ${action.name} -d ${quoted(action.summary)}`,
    ),
    ...(takesStage(verb)
      ? [
          `complete -c envctl -f -n '__fish_seen_subcommand_from ${verb.name}${verb.actions ? `; and __fish_seen_subcommand_from ${actionNames(verb)}` : ""}' -a '(envctl completion --stages 2>/dev/null)'`,
        ]
      : []),
    ...(verb.name === "completion"
      ? [`complete -c envctl -f -n '__fish_seen_subcommand_from completion' -a '${shells.join(" ")}'`]
      : []),
  ]);
  const names = verbs.map((verb) => verb.name).join(" ");
  return [
    ...lines,
    "complete -c envctl -f -n __fish_use_subcommand -a help -d 'explain a verb'",
    `complete -c envctl -f -n '__fish_seen_subcommand_from help' -a '${names}'`,
  ].join("\n");
}
