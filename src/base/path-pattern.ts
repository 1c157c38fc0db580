import { posix } from "node:path";

/** A pattern of `.dockerignore`, as engines up to 22 read it and as they do since 23. */
export interface PathPattern {
  /** Cleaned: no `./`, no doubled slashes, none at the start or the end. */
  readonly text: string;
  readonly current: RegExp;
  readonly older: RegExp;
}

/** Undefined where Go's filepath.Match would call the pattern malformed, or where there is none. */
export function parsePathPattern(pattern: string): PathPattern | undefined {
  const text = clean(pattern);
  const older = text === undefined ? undefined : compile(text);
  return text === undefined || older === undefined
    ? undefined
    : { text, current: suffixExpression(text) ?? older, older };
}

/** Whether the pattern matches the path or a folder above it. Paths have slashes, and none at either end. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  if (pattern.text === ".") return true;
  const names = path.split("/");
  return names.some((_, index) => pattern.current.test(names.slice(0, index + 1).join("/")));
}

/** What stands before the pattern's first wildcard, in whole names: the folder (or file) that it is about. */
export function fixedPart(pattern: PathPattern): string {
  const names = pattern.text.split("/");
  const wild = names.findIndex((name) => /[*?[\\]/.test(name));
  return names.slice(0, wild < 0 ? names.length : wild).join("/");
}

/** Go's filepath.Clean, and no leading slash: patterns are relative to the context anyway. */
function clean(pattern: string): string | undefined {
  if (pattern === "") return undefined;
  const normal = posix.normalize(pattern);
  const bare = normal.length > 1 ? normal.replace(/\/$/, "") : normal;
  return bare.length > 1 && bare.startsWith("/") ? bare.slice(1) : bare;
}

/** `**.log`, with nothing special behind the stars: for engines from 23 on every path that ends in it, for older `.log`. */
function suffixExpression(pattern: string): RegExp | undefined {
  const suffix = /^\*\*([^*?[\]\\/][^*?[\]\\]*)$/.exec(pattern)?.[1];
  return suffix === undefined ? undefined : new RegExp(`${[...suffix].map(literal).join("")}$`, "u");
}

function compile(pattern: string): RegExp | undefined {
  let source = "^";
  const characters = [...pattern];
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? "";
    if (character === "*" && characters[index + 1] === "*") {
      index += 1;
      // `**/` is `**`: the slash goes with it.
      if (characters[index + 1] === "/") index += 1;
      // Go's `.` stops at a newline in a name.
      source += index + 1 >= characters.length ? "[^\\n]*" : "(?:[^\\n]*/)?";
    } else if (character === "*") {
      source += "[^/]*";
    } else if (character === "?") {
      source += "[^/]";
    } else if (character === "\\") {
      index += 1;
      const escaped = characters[index];
      if (escaped === undefined) return undefined;
      source += literal(escaped);
    } else if (character === "[") {
      const end = classEnd(characters, index);
      if (end === undefined) return undefined;
      source += classSource(characters.slice(index + 1, end));
      index = end;
    } else {
      source += literal(character);
    }
  }
  try {
    return new RegExp(`${source}$`, "u");
  } catch {
    // A range the wrong way round, `[z-a]`: malformed for Go too.
    return undefined;
  }
}

function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}

function classEnd(characters: readonly string[], start: number): number | undefined {
  const first = start + (characters[start + 1] === "^" ? 2 : 1);
  for (let index = first; index < characters.length; index += 1) {
    if (characters[index] === "\\") index += 1;
    else if (characters[index] === "]") return index > first ? index : undefined;
  }
  return undefined;
}

function classSource(content: readonly string[]): string {
  let source = "";
  for (let index = 0; index < content.length; index += 1) {
    const character = content[index] ?? "";
    if (character === "\\") {
      index += 1;
      source += `\\u{${(content[index] ?? "").codePointAt(0)?.toString(16)}}`;
    } else if (character === "-" || (character === "^" && index === 0)) {
      source += character;
    } else {
      source += `\\u{${character.codePointAt(0)?.toString(16)}}`;
    }
  }
  return `[${source}]`;
}
