/**
 * Fills in a template. `{{name}}` becomes the value of that name; a line that begins with `{{?name}}` stays only if that
 * value isn't empty. Values come from a folder's files: one that could begin a new line, and with it a new instruction of
 * a Dockerfile, is refused with a RangeError, like one that is missing.
 */
export function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  const valueFor = (key: string): string => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value === undefined || /[\p{Control}\u2028\u2029]/u.test(value))
      throw new RangeError(`the template's {{${key}}} has no value that fits`);
    return value;
  };
  return template
    .split("\n")
    .flatMap((line) => {
      const condition = /^( *)\{\{\?(\w+)\}\}/.exec(line);
      if (condition && valueFor(condition[2] ?? "") === "") return [];
      const rest = condition ? `${condition[1]}${line.slice(condition[0].length)}` : line;
      return [rest.replace(/\{\{(\w+)\}\}/g, (_, key: string) => valueFor(key))];
    })
    .join("\n")
    .replace(/\n{3,}/g, "\n\n");
}
