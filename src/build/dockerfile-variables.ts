import { type Filled, fillIn, type LookUp, rawWords, unknown } from "./dockerfile-words.ts";

type Value = string | undefined | typeof unknown;

/** Arguments that the builder itself sets; which values they have depends on where it runs. */
const automatic =
  /^(?:(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)|TARGETSTAGE|SOURCE_DATE_EPOCH|BUILDKIT_\w+|(?:https?|ftp|no|all)_proxy)$/i;

/** Those that FROM has without any ARG (dockerfile reference: "Automatic platform ARGs in the global scope"). */
const automaticInFrom = ["TARGET", "BUILD"].flatMap((of) =>
  ["PLATFORM", "OS", "ARCH", "VARIANT"].map((what) => of + what),
);

/** The variables in force at one place of a Dockerfile. Immutable: instructions make new ones. */
export class Variables {
  readonly #env: ReadonlyMap<string, Value>;
  readonly #args: ReadonlyMap<string, Value>;
  /** What a base image sets: undefined where nobody knows. */
  readonly #base: Readonly<Record<string, string>> | undefined;
  readonly #escapeCharacter: string;

  constructor(
    escapeCharacter: string,
    base: Readonly<Record<string, string>> | undefined,
    env: ReadonlyMap<string, Value> = new Map(),
    args: ReadonlyMap<string, Value> = new Map(),
  ) {
    this.#escapeCharacter = escapeCharacter;
    this.#base = base;
    this.#env = env;
    this.#args = args;
  }

  /** What FROM lines may use from the first one on. */
  static beforeStages(escapeCharacter: string, given: Readonly<Record<string, string>>): Variables {
    return new Variables(escapeCharacter, {}).arg(automaticInFrom.join(" "), given, undefined);
  }

  readonly lookUp: LookUp = (name) => {
    if (this.#env.has(name)) return this.#env.get(name);
    if (this.#base && Object.hasOwn(this.#base, name)) return this.#base[name];
    if (this.#args.has(name)) return this.#args.get(name);
    return this.#base ? undefined : unknown;
  };

  /** Whether there is an argument of this name, with a value or without. */
  declares(name: string): boolean {
    return this.#args.has(name);
  }

  fill(word: string): Filled {
    return fillIn(word, this.#escapeCharacter, this.lookUp);
  }

  /** Those that this Dockerfile sets and whose values are known. */
  get environment(): Record<string, string> {
    const all = [...this.#args, ...this.#env];
    return Object.fromEntries(all.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
  }

  /** For a stage that begins with this one: its environment, without its arguments. */
  inherited(): Variables {
    return new Variables(this.#escapeCharacter, this.#base, this.#env);
  }

  /** `ENV A=1 B="two words"`, or its old form `ENV A two words`. All values are of before the instruction. */
  env(rest: string): Variables {
    const words = rawWords(rest, this.#escapeCharacter);
    const env = new Map(this.#env);
    const [name = ""] = words;
    if (words.length > 1 && !name.includes("=")) {
      env.set(name, this.#value(rest.slice(name.length).trim()));
      return new Variables(this.#escapeCharacter, this.#base, env, this.#args);
    }
    for (const word of words) {
      const equals = word.indexOf("=");
      if (equals > 0) env.set(this.fill(word.slice(0, equals)).text, this.#value(word.slice(equals + 1)));
    }
    return new Variables(this.#escapeCharacter, this.#base, env, this.#args);
  }

  /** `ARG A B=1`: `given` are the build's arguments, `globals` those from before the first FROM. */
  arg(rest: string, given: Readonly<Record<string, string>>, globals: Variables | undefined): Variables {
    const args = new Map(this.#args);
    for (const word of rawWords(rest, this.#escapeCharacter)) {
      const equals = word.indexOf("=");
      const name = this.fill(equals < 0 ? word : word.slice(0, equals)).text;
      if (Object.hasOwn(given, name)) args.set(name, given[name]);
      else if (equals >= 0) args.set(name, this.#value(word.slice(equals + 1)));
      else if (globals?.declares(name)) args.set(name, globals.lookUp(name));
      else args.set(name, automatic.test(name) ? unknown : undefined);
    }
    return new Variables(this.#escapeCharacter, this.#base, this.#env, args);
  }

  #value(word: string): Value {
    const { text, known } = this.fill(word);
    return known ? text : unknown;
  }
}
