/**
 * A line of HAProxy's configuration as its parser cuts it into words (`parse_line` of 2.6): quotes, backslashes,
 * variables and comments. Throws where HAProxy would refuse the line, or put a variable's value into it.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: number[] | undefined;
  let quote = "";
  const bytes = Buffer.from(line);
  const at = (index: number) => String.fromCharCode(bytes[index] ?? 0);
  for (let index = 0; index < bytes.length; index += 1) {
    const character = at(index);
    if (character === "\0" || character === "\n" || character === "\r") throw new Error(`ends early: ${line}`);
    if (quote === "" && character === "#") break;
    if (quote === "" && /[ \t\v\f]/.test(character)) {
      if (word) words.push(Buffer.from(word).toString());
      word = undefined;
      continue;
    }
    word ??= [];
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (quote === '"' && character === "$") throw new Error(`names a variable: ${line}`);
    else if (quote !== "'" && character === "\\") {
      const hex = /^x[0-9a-f]{2}/i.exec(bytes.subarray(index + 1, index + 4).toString("latin1"))?.[0];
      if (hex === undefined) throw new Error(`an escape that nobody writes here: ${line}`);
      word.push(Number.parseInt(hex.slice(1), 16));
      index += 3;
    } else word.push(bytes[index] ?? 0);
  }
  if (quote !== "") throw new Error(`a quote that does not end: ${line}`);
  if (word) words.push(Buffer.from(word).toString());
  return words;
}

/** Lines that have words. */
export function directivesOf(configuration: string): string[][] {
  return configuration
    .split("\n")
    .map(wordsOf)
    .filter((words) => words.length > 0);
}
