import type { LookUp } from "../build/dockerfile-words.ts";

/** A word of a shell's command line, after quotes and variables. */
export interface ShellWord {
  readonly text: string;
  /** Whether an unquoted `*`, `?` or `[` is in it. */
  readonly wild: boolean;
}

/**
 * The simple commands of a shell script that are all run one after the other, as words. Undefined for a script that does
 * more than that (pipes, redirections, substitutions, conditions, loops): what it does then is not to be told.
 */
export function simpleCommands(script: string, lookUp: LookUp): ShellWord[][] | undefined {
  const reader = new Reader(script, lookUp);
  try {
    return reader.commands();
  } catch (error) {
    if (error === beyond) return undefined;
    throw error;
  }
}

const beyond = Symbol("more than simple commands");

/** Words that begin something else than a simple command. */
const reserved = new Set([
  "if",
  "then",
  "else",
  "elif",
  "fi",
  "for",
  "while",
  "until",
  "do",
  "done",
  "case",
  "esac",
  "{",
  "}",
  "!",
  "function",
  "eval",
  "exec",
  ".",
  "source",
  "trap",
  "alias",
]);

class Reader {
  readonly #text: string;
  readonly #lookUp: LookUp;
  #at = 0;
  #word: { text: string; wild: boolean } | undefined;
  #words: ShellWord[] = [];
  readonly #commands: ShellWord[][] = [];

  constructor(text: string, lookUp: LookUp) {
    this.#text = text;
    this.#lookUp = lookUp;
  }

  commands(): ShellWord[][] {
    while (this.#at < this.#text.length) this.#read();
    this.#endCommand();
    return this.#commands;
  }

  #read(): void {
    const character = this.#text[this.#at++] ?? "";
    const next = this.#text[this.#at] ?? "";
    if (character === "&" && next === "&") {
      this.#at += 1;
      this.#endCommand();
    } else if (character === ";" || character === "\n") this.#endCommand();
    else if (character === "#" && !this.#word) {
      const end = this.#text.indexOf("\n", this.#at);
      this.#at = end < 0 ? this.#text.length : end;
    } else if (/\s/.test(character)) this.#endWord();
    else if (character === ">") this.#redirect();
    else if ("|&<()`".includes(character)) throw beyond;
    else this.#readIntoWord(character);
  }

  /** Only what goes to /dev/null touches no file. */
  #redirect(): void {
    if (this.#word && /^[12]$/.test(this.#word.text)) this.#word = undefined;
    this.#endWord();
    const target = /^>?\s*(?:\/dev\/null|&[12])(?=[\s;&]|$)/.exec(this.#text.slice(this.#at))?.[0];
    if (target === undefined) throw beyond;
    this.#at += target.length;
  }

  #readIntoWord(character: string): void {
    if (character === "\\" && this.#text[this.#at] === "\n") {
      this.#at += 1;
      return;
    }
    this.#word ??= { text: "", wild: false };
    if (character === "'") {
      const end = this.#text.indexOf("'", this.#at);
      if (end < 0) throw beyond;
      this.#word.text += this.#text.slice(this.#at, end);
      this.#at = end + 1;
    } else if (character === '"') this.#readDouble(this.#word);
    else if (character === "\\") this.#word.text += this.#text[this.#at++] ?? "";
    else if (character === "$") this.#word.text += this.#variable();
    else {
      if ("*?[".includes(character)) this.#word.wild = true;
      if ("{~".includes(character)) throw beyond;
      this.#word.text += character;
    }
  }

  #readDouble(word: { text: string }): void {
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined || character === "`") throw beyond;
      if (character === '"') return;
      if (character === "$") word.text += this.#variable();
      else if (character === "\\" && /["$`\\\n]/.test(this.#text[this.#at] ?? "")) word.text += this.#text[this.#at++];
      else word.text += character;
    }
  }

  /** A value with blanks or wildcards would fall apart outside of quotes, and is left to the shell. */
  #variable(): string {
    const match = /^(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(this.#text.slice(this.#at));
    const value = match ? this.#lookUp(match[1] ?? match[2] ?? "") : undefined;
    if (!match || typeof value !== "string" || /[\s*?[\]]/.test(value)) throw beyond;
    this.#at += match[0].length;
    return value;
  }

  #endWord(): void {
    if (this.#word) this.#words.push(this.#word);
    this.#word = undefined;
  }

  #endCommand(): void {
    this.#endWord();
    const [first] = this.#words;
    // `A=1 command` sets a variable: what it does to the command is not known.
    if (first && (reserved.has(first.text) || /^[A-Za-z_]\w*=/.test(first.text))) throw beyond;
    if (first) this.#commands.push(this.#words);
    this.#words = [];
  }
}
