import { EnvctlError, ExitCode } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import { longName } from "./global-options.ts";
import type { OptionValues, Verb } from "./verb.ts";

/** Refuses, for a verb that is several in one, what its action is not or does not know. Throws `usage` (exit 2). */
export function requireAction(verb: Verb, args: readonly string[], options: OptionValues): void {
  if (!verb.actions) return;
  const [typed = "", stage] = args;
  const names = verb.actions.map(({ name }) => name);
  const action = verb.actions.find(({ name }) => name === typed);
  if (!action) {
    const meant = didYouMean(typed, names);
    throw usage(
      `there is no "envctl ${verb.name} ${typed}"${meant ? `; did you mean "${meant}"?` : ""}`,
      `envctl ${verb.name} ${names.join("|")}`,
    );
  }
  if (action.needsStage && stage === undefined) {
    throw usage(`envctl ${verb.name} ${typed} needs a stage`, `envctl ${verb.name} ${typed} <stage>`);
  }
  const foreign = verb.options.find(
    (option) => option.actions && !option.actions.includes(typed) && options[keyOf(option.flags)] !== undefined,
  );
  if (!foreign) return;
  throw usage(
    `${longName(foreign.flags)} is no option of "envctl ${verb.name} ${typed}"`,
    `it is one of: ${foreign.actions?.map((name) => `envctl ${verb.name} ${name}`).join(", ")}`,
  );
}

/** `status|logs|reload|remove`, where the syntax only says `<action>`. */
export function usageOf(verb: Verb): string {
  const actions = verb.actions?.map(({ name }) => name).join("|") ?? "";
  return [verb.name, ...verb.arguments.map(([syntax]) => (syntax === "<action>" ? actions : syntax))].join(" ");
}

/** What each action is, for the verb's help. Empty for a verb that has none. */
export function actionHelp({ actions = [] }: Verb): string {
  if (actions.length === 0) return "";
  const width = Math.max(...actions.map(({ name }) => name.length));
  const lines = actions.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `\nActions:\n${lines.join("\n")}\n`;
}

/** As commander names an option's value: `--host-timeout` is `hostTimeout`. */
function keyOf(flags: string): string {
  return longName(flags)
    .slice(2)
    .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function usage(what: string, next: string): EnvctlError {
  return new EnvctlError({ code: "usage", exitCode: ExitCode.usage, what, state: "nothing was touched", next });
}
