import { EnvctlError, ExitCode } from "../base/errors.ts";
import type { Context, Verb } from "./verb.ts";

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

function optionsOf(verb: Verb): string[] {
  const own = verb.options.flatMap((option) => /--[a-z-]+/.exec(option.flags) ?? []);
  return [
    ...own,
    ...(verb.changes ? ["--dry-run", "--yes"] : []),
    "--file",
    "--json",
    "--timeout",
    "--verbose",
    "--no-color",
    "--help",
  ];
}

function takesStage(verb: Verb): boolean {
  return verb.arguments.some(([syntax]) => /stage|other/.test(syntax));
}

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => `    ${verb.name}) options="${optionsOf(verb).join(" ")}" ;;`);
  const staged = verbs.filter(takesStage).map((verb) => verb.name);
  return `_envctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" options=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${verbs.map((verb) => verb.name).join(" ")} help --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  if [[ "$current" != -* ]]; then
    case "\${COMP_WORDS[1]}" in
      ${staged.join("|")}) options="$(envctl completion --stages 2>/dev/null)" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$options" -- "$current"))
}
complete -o default -F _envctl envctl`;
}

function fish(verbs: readonly Verb[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = verbs.flatMap((verb) => [
    `complete -c envctl -f -n __fish_use_subcommand -a ${verb.name} -d ${quoted(verb.summary)}`,
    ...optionsOf(verb).map(
      (option) => `complete -c envctl -n '__fish_seen_subcommand_from ${verb.name}' -l ${option.slice(2)}`,
    ),
    ...(takesStage(verb)
      ? [
          `complete -c envctl -f -n '__fish_seen_subcommand_from ${verb.name}' -a '(envctl completion --stages 2>/dev/null)'`,
        ]
      : []),
  ]);
  return lines.join("\n");
}
