import type { Verb, VerbOption } from "./verb.ts";

/** Options that every verb has. */
export const globalOptions: readonly VerbOption[] = [
  { flags: "-f, --file <path>", description: "the environment file (default: envctl.yaml here or in a folder above)" },
  { flags: "--json", description: "print one JSON document on stdout" },
  { flags: "--timeout <duration>", description: "give up after this long: 30s, 5m" },
  { flags: "--verbose", description: "show every step" },
  { flags: "--no-color", description: "no colours (also: NO_COLOR)" },
];

/** Options of the verbs that change something. */
const changeOptions: readonly VerbOption[] = [
  { flags: "--dry-run", description: "say what would be done, and do nothing" },
  { flags: "-y, --yes", description: "ask nothing" },
];

/** All options of a verb. A letter that the verb has taken for itself is no longer short for an option that all have. */
export function optionsOf(verb: Verb): VerbOption[] {
  const own = [...verb.options, ...(verb.changes ? changeOptions : [])];
  const taken = new Set(own.map(({ flags }) => shortOf(flags)));
  const shared = globalOptions.map((option) => {
    const short = shortOf(option.flags);
    return short !== undefined && taken.has(short)
      ? { ...option, flags: option.flags.replace(`${short}, `, "") }
      : option;
  });
  return [...own, ...shared];
}

function shortOf(flags: string): string | undefined {
  return /^-\w(?=,)/.exec(flags)?.[0];
}

/** Of the verbs that run the project's own hooks. */
export const skipHooksOption: VerbOption = {
  flags: "--skip-hooks",
  description: "do not run the programs in .envctl/hooks",
};

/** Of the verbs that carry a plan out. */
export const planOption: VerbOption = {
  flags: "--plan <file>",
  description: "do what `envctl plan --out` has saved, exactly; exit 3 if the world has moved since",
};

/** Of the verbs that take a stage's lock. */
export const waitOption: VerbOption = {
  flags: "--wait [duration]",
  description: "if somebody else has locked the stage, wait until it is free (without a value: 10m)",
};

/** `--wait` takes the next word only if that is a duration: `envctl up --wait dev` names a stage. */
export function waitWithValue(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words.map((word, index) => {
    if (word !== "--wait" || (end >= 0 && index > end)) return word;
    return /^\d/.test(words[index + 1] ?? "") ? word : "--wait=10m";
  });
}

/** `--file`, `--json` and so on: all that may be typed after the verb (or, without one, before it). */
export function optionNames(verb: Verb | undefined): string[] {
  const all = verb ? optionsOf(verb) : globalOptions;
  return [...all.map(({ flags }) => longName(flags)), "--help"];
}

/** `--file` of `-f, --file <path>`. */
export function longName(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}

/**
 * People type `envctl --json status` as well as `envctl status --json`: what stands before the verb is put after it,
 * by its long name, as the verb may have another use for the letter (`envctl -f other.yaml logs prod -f`). Anything else before the verb stays where it is, for commander to refuse.
 */
export function globalOptionsLast(words: readonly string[]): string[] {
  const before: string[] = [];
  let end = 0;
  while (end < words.length) {
    const [name = "", value] = (words[end] ?? "").split(/=(.*)/s);
    const option = globalOptions.find(({ flags }) => flags.split(/,? /).includes(name));
    if (!option) break;
    const next = end + (option.flags.includes("<") && value === undefined ? 2 : 1);
    const long = longName(option.flags);
    before.push(value === undefined ? long : `${long}=${value}`, ...words.slice(end + 1, next));
    end = next;
  }
  const verb = words[end];
  if (end === 0 || verb === undefined || verb.startsWith("-")) return [...words];
  return [verb, ...before, ...words.slice(end + 1)];
}

/** Whether the next word is its value. */
export function takesValue({ flags }: VerbOption): boolean {
  return flags.includes("<");
}

/** `-r` and `--release` of `-r, --release <release>`. */
export function flagNames({ flags }: VerbOption): string[] {
  return flags.match(/(?<=^|, )--?[a-z-]+/g) ?? [];
}

/** Which of a verb's arguments are stages, counted from 0. */
export function stagePlacesOf(verb: Verb): number[] {
  return verb.arguments.flatMap(([syntax], place) => (/stage|other/.test(syntax) ? [place] : []));
}
