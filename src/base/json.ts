/** What a JSON text holds, of whatever shape; undefined where it is none. For texts that somebody else wrote. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The text, number or truth value in a place of foreign data where a text belongs; an empty text where anything else is there.
 * `String()` throws for an object that has a `toString` which is no function, and JSON can hold one.
 */
export function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
