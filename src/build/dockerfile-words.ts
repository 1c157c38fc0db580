/** A text, or one in which something could not be told: a variable that only a base image sets, say. */
export interface Filled {
  readonly text: string;
  readonly known: boolean;
}

/** The value of a variable: undefined for one that is surely not set, `unknown` for one that cannot be told. */
export type LookUp = (name: string) => string | undefined | typeof unknown;

export const unknown = Symbol("unknown");

/** The words of `["a", "b"]`; undefined for any other form. */
export function jsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === "string") ? value : undefined;
  } catch {
    // Not JSON: then Docker takes it for the shell form, too.
    return undefined;
  }
}

/** Words at blanks outside of quotes; quotes and escape characters stay, for `fillIn` to read. */
export function rawWords(text: string, escapeCharacter: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (quote === "" && /\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    if (character === escapeCharacter && quote !== "'" && at + 1 < text.length) {
      word += character + (text[++at] ?? "");
      continue;
    }
    if (character === quote) quote = "";
    else if (quote === "" && (character === '"' || character === "'")) quote = character;
    word += character;
  }
  return word === "" ? words : [...words, word];
}

/** Replaces variables and takes quotes away, as the builder does in words of ADD, ARG, COPY, ENV, FROM, WORKDIR and others. */
export function fillIn(word: string, escapeCharacter: string, lookUp: LookUp): Filled {
  return new Filler(word, escapeCharacter, lookUp).all();
}

class Filler {
  readonly #word: string;
  readonly #escapeCharacter: string;
  readonly #lookUp: LookUp;
  #at = 0;
  #known = true;

  constructor(word: string, escapeCharacter: string, lookUp: LookUp) {
    this.#word = word;
    this.#escapeCharacter = escapeCharacter;
    this.#lookUp = lookUp;
  }

  all(): Filled {
    const text = this.#until(() => false);
    return { text, known: this.#known };
  }

  #until(ends: (character: string) => boolean): string {
    let text = "";
    while (this.#at < this.#word.length && !ends(this.#word[this.#at] ?? "")) text += this.#next();
    return text;
  }

  #next(): string {
    const character = this.#word[this.#at++] ?? "";
    if (character === "'") return this.#single();
    if (character === '"') return this.#double();
    if (character === "$") return this.#variable();
    if (character !== this.#escapeCharacter) return character;
    // At the very end it stands for itself.
    return this.#at < this.#word.length ? (this.#word[this.#at++] ?? "") : character;
  }

  #single(): string {
    const end = this.#word.indexOf("'", this.#at);
    const text = this.#word.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#word.length : end + 1;
    return text;
  }

  #double(): string {
    let text = "";
    while (this.#at < this.#word.length) {
      const character = this.#word[this.#at++] ?? "";
      if (character === '"') return text;
      if (character === "$") text += this.#variable();
      else if (
        character === this.#escapeCharacter &&
        ['"', "$", this.#escapeCharacter].includes(this.#word[this.#at] ?? "")
      )
        text += this.#word[this.#at++] ?? "";
      else text += character;
    }
    return text;
  }

  #variable(): string {
    if (this.#word[this.#at] === "{") {
      this.#at += 1;
      return this.#braced();
    }
    const name = /^(?:[A-Za-z_]\w*|[0-9@*#?])/.exec(this.#word.slice(this.#at))?.[0];
    if (name === undefined) return "$";
    this.#at += name.length;
    return this.#value(name) ?? "";
  }

  #braced(): string {
    const name = /^(?:[A-Za-z_]\w*|[0-9@*#?])/.exec(this.#word.slice(this.#at))?.[0] ?? "";
    this.#at += name.length;
    const operator = /^(?::?[-+?]|[#%]{1,2}|\/{1,2})?/.exec(this.#word.slice(this.#at))?.[0] ?? "";
    this.#at += operator.length;
    const before = this.#known;
    const operand = this.#until((character) => character === "}");
    const operandKnown = this.#known;
    this.#known = before;
    this.#at += 1;
    const value = this.#value(name);
    const given = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (operator.endsWith("-")) {
      if (given) return value ?? "";
      this.#known &&= operandKnown;
      return operand;
    }
    if (operator.endsWith("+")) {
      if (given) this.#known &&= operandKnown;
      return given ? operand : "";
    }
    // Patterns (`#`, `%`, `/`) came late and are rare: their outcome counts as unknown.
    if (name === "" || (operator !== "" && !operator.endsWith("?")) || (operator === "" && operand !== "")) {
      this.#known = false;
    }
    return value ?? "";
  }

  #value(name: string): string | undefined {
    const value = this.#lookUp(name);
    if (value !== unknown) return value;
    this.#known = false;
    return "";
  }
}
