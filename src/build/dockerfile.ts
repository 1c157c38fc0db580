import { jsonWords, rawWords } from "./dockerfile-words.ts";

/** One instruction of a Dockerfile, its continued lines put together. */
export interface DockerfileInstruction {
  /** In capitals: `COPY`. */
  readonly keyword: string;
  /** Where it begins and ends, counted from 1. */
  readonly line: number;
  readonly lastLine: number;
  readonly flags: readonly DockerfileFlag[];
  /** What stands behind keyword and flags, as it is written; here-documents are not in it. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
  /** The whole logical line, keyword first, for people and for comparing. */
  readonly text: string;
}

/** `--chown=1:2`, or `--link`, whose value is undefined. */
interface DockerfileFlag {
  readonly name: string;
  readonly value: string | undefined;
}

interface Heredoc {
  /** The word between the markers, without quotes: also the name of the file that COPY makes of it. */
  readonly name: string;
  /** False where the word was quoted: then no variables are filled in. */
  readonly expands: boolean;
  readonly content: string;
}

export interface Dockerfile {
  /** The frontend that `# syntax=` asks for. */
  readonly syntax: string | undefined;
  readonly escapeCharacter: "\\" | "`";
  readonly instructions: readonly DockerfileInstruction[];
}

/** Instructions whose words may be here-documents (dockerfile reference: "Here-Documents"). */
const takesHeredocs = new Set(["ADD", "COPY", "RUN"]);

/**
 * Takes a Dockerfile apart as BuildKit's parser does: parser directives, comments (also between continued lines), either
 * escape character, flags and here-documents. Never throws: what is no instruction comes out under its own first word.
 */
export function parseDockerfile(text: string): Dockerfile {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""));
  const { syntax, escapeCharacter } = readDirectives(lines);
  const instructions: DockerfileInstruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const first = lines[at] ?? "";
    if (isBlank(first) || isComment(first)) {
      at += 1;
      continue;
    }
    const logical = joinLines(lines, at, escapeCharacter);
    const instruction = splitInstruction(logical.text, escapeCharacter);
    // ONBUILD has a whole instruction behind it.
    const inner = instruction.keyword === "ONBUILD" ? splitInstruction(instruction.rest, escapeCharacter) : instruction;
    const heredocs = takesHeredocs.has(inner.keyword) ? readHeredocs(lines, logical.next, inner.rest) : none;
    const next = heredocs.next ?? logical.next;
    instructions.push({
      ...instruction,
      line: at + 1,
      lastLine: next,
      heredocs: heredocs.found,
      text: logical.text.trim(),
    });
    at = next;
  }
  return { syntax, escapeCharacter, instructions };
}

const none = { found: [], next: undefined };

/** Directives are comments at the very top, each once; whatever else stands there ends them. */
function readDirectives(lines: readonly string[]): { syntax: string | undefined; escapeCharacter: "\\" | "`" } {
  const found = new Map<string, string>();
  for (const line of lines) {
    const match = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
    const name = match?.[1]?.toLowerCase();
    if (name === undefined || found.has(name) || !["syntax", "escape", "check"].includes(name)) break;
    found.set(name, match?.[2] ?? "");
  }
  return { syntax: found.get("syntax"), escapeCharacter: found.get("escape") === "`" ? "`" : "\\" };
}

/** `next` is the index of the first line that does not belong to it. */
function joinLines(
  lines: readonly string[],
  start: number,
  escapeCharacter: "\\" | "`",
): { text: string; next: number } {
  let text = "";
  let at = start;
  for (; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    // Within a continued instruction, comments and empty lines are passed over.
    if (at > start && (isComment(line) || isBlank(line))) continue;
    const part = withoutContinuation(line, escapeCharacter);
    text += part ?? line;
    if (part === undefined) return { text, next: at + 1 };
  }
  return { text, next: at };
}

/** Undefined where the line does not go on: a doubled escape character at its end is none. */
function withoutContinuation(line: string, escapeCharacter: "\\" | "`"): string | undefined {
  const bare = line.replace(/[ \t]+$/, "");
  if (!bare.endsWith(escapeCharacter) || bare.endsWith(escapeCharacter + escapeCharacter)) return undefined;
  return bare.slice(0, -1);
}

function isComment(line: string): boolean {
  return /^\s*#/.test(line);
}

function isBlank(line: string): boolean {
  return line.trim() === "";
}

function splitInstruction(
  text: string,
  escapeCharacter: string,
): Pick<DockerfileInstruction, "keyword" | "flags" | "rest"> {
  const [, keyword = "", rest = ""] = /^\s*(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  const flags: DockerfileFlag[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(rest[at] ?? "")) at += 1;
    if (!rest.startsWith("--", at)) break;
    const word = readFlag(rest, at, escapeCharacter);
    at = word.next;
    if (word.text === "--") break;
    const equals = word.text.indexOf("=");
    flags.push(
      equals < 0
        ? { name: word.text.slice(2), value: undefined }
        : { name: word.text.slice(2, equals), value: word.text.slice(equals + 1) },
    );
  }
  return { keyword: keyword.toUpperCase(), flags, rest: rest.slice(at).trim() };
}

/** A flag ends at a blank outside of quotes; quotes go, and an escape character takes the next as it is. */
function readFlag(text: string, start: number, escapeCharacter: string): { text: string; next: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (quote === "" && /\s/.test(character)) break;
    if (character === escapeCharacter && at + 1 < text.length) word += text[++at] ?? "";
    else if (character === quote) quote = "";
    else if (quote === "" && (character === '"' || character === "'")) quote = character;
    else word += character;
  }
  return { text: word, next: at };
}

function readHeredocs(
  lines: readonly string[],
  start: number,
  rest: string,
): { found: readonly Heredoc[]; next: number | undefined } {
  if (jsonWords(rest) !== undefined) return none;
  const found: Heredoc[] = [];
  let at = start;
  // Within quotes it is a text like any other. For this, BuildKit escapes by a backslash whatever the directive says.
  for (const word of rawWords(rest.replace(/(?<=(?:^|\s)\d*<<)\s+/g, ""), "\\")) {
    const [, dash, quote = "", name = ""] = /^\d*<<(-?)(["']?)([^<"'\s]+)\2$/.exec(word) ?? [];
    if (name === "") continue;
    // Blanks before the name are borne from BuildKit 0.22 on; before, `$((1 << 2))` was arithmetic, which nothing ends.
    if (!rest.includes(word) && !lines.includes(name, at)) continue;
    const content: string[] = [];
    for (; at < lines.length; at += 1) {
      const line = dash ? (lines[at] ?? "").replace(/^\t+/, "") : (lines[at] ?? "");
      if (line === name) break;
      content.push(`${line}\n`);
    }
    at = Math.min(at + 1, lines.length);
    found.push({ name, expands: quote === "", content: content.join("") });
  }
  return found.length > 0 ? { found, next: at } : none;
}
