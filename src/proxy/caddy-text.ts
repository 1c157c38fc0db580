/**
 * A text as Caddy takes it literally: it would replace `{env.PATH}` and the like in most of its strings. Caddy takes
 * the backslashes away again, but only where a text has an opening brace at all.
 */
export function literally(text: string): string {
  return text.includes("{") ? text.replaceAll(/[{}]/g, "\\$&") : text;
}

/** A regular expression of Go's that matches this text alone. */
export function asPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** Milliseconds as Caddy reads a duration. Zero would mean "for ever" to most of its settings. */
export function asDuration(milliseconds: number): string {
  return `${Math.max(1, Math.round(milliseconds))}ms`;
}
