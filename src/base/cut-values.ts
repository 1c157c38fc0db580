/** `NAME=value#rest`, the value without quotes. */
const cutLine = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*([^\s'"`#](?:[^#\r\n]*[^\s#])?)#/gm;

/**
 * Names whose value ends before a `#` that no blank stands before: dotenv takes the rest of the line for a comment, also where it
 * is the rest of a password. `values` are what it has made of the text.
 */
export function cutValues(text: string, values: Readonly<Record<string, string | undefined>>): string[] {
  const found = [...text.matchAll(cutLine)].flatMap(([, name = "", value]) => (values[name] === value ? [name] : []));
  return [...new Set(found)];
}
