import { EnvctlError, ExitCode } from "../base/errors.ts";
import { fishScript } from "./completion-fish.ts";
import {
  flagNames,
  globalOptions,
  longName,
  optionNames,
  optionsOf,
  stagePlacesOf,
  takesValue,
} from "./global-options.ts";
import type { Context, Verb, VerbOption } from "./verb.ts";

const shells = ["bash", "zsh", "fish"];

/** The script for a shell. Throws `usage` (exit 2) for a shell that is not known. */
export function completionScript(shell: string, verbs: readonly Verb[]): string {
  if (shell === "bash") return bash(verbs);
  if (shell === "zsh") return `autoload -U +X bashcompinit && bashcompinit\n${bash(verbs)}`;
  if (shell === "fish") return fishScript(verbs, shells);
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
  const { readStageNames } = await import("../environment/load.ts");
  try {
    return await readStageNames(context.directory, context.options.file);
  } catch {
    // A completion that prints an error would garble the line that is being typed.
    return [];
  }
}

function bash(verbs: readonly Verb[]): string {
  const names = verbs.map(({ name }) => name);
  const shortened = verbs.filter((verb) => !optionsOf(verb).some(({ flags }) => flags.startsWith("-f, --file")));
  const options = verbs.flatMap((verb) => optionsOf(verb).map((option) => ({ verb, option })));
  const own = options.filter(({ option }) => takesValue(option) && !globalOptions.some(isLike(option)));
  const valued = own.flatMap(({ verb, option }) => flagNames(option).map((flag) => `${verb.name} ${flag}`));
  const words = own.flatMap(({ verb, option }) =>
    option.values ? [{ at: [`${verb.name} ${longName(option.flags)}`], words: option.values.join(" ") }] : [],
  );
  const stageValued = own.flatMap(({ verb, option }) =>
    option.flags.endsWith("<stage>") ? flagNames(option).map((flag) => `${verb.name} ${flag}`) : [],
  );
  const places = verbs.flatMap(({ name, actions }) =>
    actions ? [{ at: [`${name} 0`], words: actions.map((action) => action.name).join(" ") }] : [],
  );
  const commanding = verbs.filter((verb) => verb.arguments.some(([syntax]) => syntax.includes("...")));
  const stagePlaces = verbs.flatMap((verb) => stagePlacesOf(verb).map((place) => `${verb.name} ${place}`));
  return `_envctl_stages() {
  envctl completion --stages \${1:+--file "\${1/#\\~\\//$HOME/}"} 2>/dev/null
}
_envctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" verb="" option="" file="" choices="" given=0 index word
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    # Of --file=path, bash makes three words.
    if [[ "$word" == "=" ]]; then
      option="\${option:-=}"
      continue
    fi
    if [[ "$option" != "" ]]; then
      if [[ "$option" == "--file" ]]; then file="$word"; fi
      option=""
      continue
    fi
    case "$verb $word" in
      *" --") return ;;
      *" --file="*) file="\${word#*=}" ;;
      ${alternatives(shortened.map((verb) => `${verb.name} -f`))}) ;;
      *" -f" | *" --file") option="--file" ;;
      *" --timeout") option="$word" ;;
      ${alternatives(valued)}) option="$word" ;;
      *" -"*) ;;
      *) if [[ "$verb" == "" ]]; then verb="$word"; else given=$((given + 1)); fi ;;
    esac
  done
  if [[ "$current" == "=" ]]; then
    current=""
    option="\${option:-=}"
  fi
  if [[ "$option" != "" ]]; then
    case "$verb $option" in
${cases(words)}
      ${alternatives(stageValued)}) choices="$(_envctl_stages "$file")" ;;
    esac
  elif [[ "$verb" == "" && "$current" != -* ]]; then
    choices="${[...names, "help"].join(" ")}"
  elif [[ "$current" != -* ]]; then
    case "$verb $given" in
      "help 0") choices="${[...names, "help"].join(" ")}" ;;
      "completion 0") choices="${shells.join(" ")}" ;;
${cases(places)}
      ${alternatives(stagePlaces)}) choices="$(_envctl_stages "$file")" ;;
      ${commanding.map(({ name }) => `"${name} "*`).join(" | ")}) return ;;
    esac
  fi
  if [[ "$choices" == "" && "$option" == "" ]]; then
    case "$verb" in
      "") choices="${[...optionNames(undefined), "--version"].join(" ")}" ;;
${cases(verbs.map((verb) => ({ at: [verb.name], words: optionNames(verb).join(" ") })))}
    esac
  fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -o default -F _envctl envctl`;
}

function alternatives(patterns: readonly string[]): string {
  return patterns.map((pattern) => `"${pattern}"`).join(" | ");
}

function cases(all: readonly { readonly at: readonly string[]; readonly words: string }[]): string {
  return all.map(({ at, words }) => `      ${alternatives(at)}) choices="${words}" ;;`).join("\n");
}

function isLike({ flags }: VerbOption): (other: VerbOption) => boolean {
  return (other) => longName(other.flags) === longName(flags);
}
