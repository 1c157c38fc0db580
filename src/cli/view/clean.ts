import { stripVTControlCharacters } from "node:util";

/** Marks that reorder what follows them: with these a line can be made to read as another (CVE-2021-42574). */
const reordering = /[\u202a-\u202e\u2066-\u2069]/g;
/** The colours of ours, and their ends; not concealed or blinking text (ECMA-48 §8.3.117). */
const colour = new RegExp(`${String.fromCharCode(27)}\\[(?:1|2|22|3[0-79])m`);

/**
 * Text from elsewhere (registries, containers, hosts) made fit for a terminal: control characters would move the cursor,
 * rename the window or hide what was printed. Newlines and tabs stay.
 */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\p{Cc}\u2028\u2029]/gu, (character) => (character === "\n" || character === "\t" ? character : ""))
    .replace(reordering, "");
}

/** The same for text that is coloured already: colours stay, so that the worst a foreign word can do is to be red. */
export function cleanColoured(text: string): string {
  const colours = text.match(new RegExp(colour, "g")) ?? [];
  return text
    .split(colour)
    .map((part, index) => (colours[index - 1] ?? "") + clean(part))
    .join("");
}

/** In one line. */
export function cleanLine(text: string): string {
  return clean(text).replace(/\s+/g, " ").trim();
}
