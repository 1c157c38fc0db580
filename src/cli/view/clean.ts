import { stripVTControlCharacters } from "node:util";

/**
 * Text from elsewhere (registries, containers, hosts) made fit for a terminal: control characters would move the cursor,
 * rename the window or hide what was printed. Newlines and tabs stay.
 */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029]/gu, (character) =>
    character === "\n" || character === "\t" ? character : "",
  );
}
