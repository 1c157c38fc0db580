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

/** The same for a path as clients may send it: with `%7E` for `~`, and more slashes than one. */
export function asSentPattern(path: string): string {
  const bytes = [...Buffer.from(path)].map((byte) => {
    const character = String.fromCharCode(byte);
    if (character === "/") return "/+";
    const sent = `(?i:%${byte.toString(16).padStart(2, "0")})`;
    return byte < 0x80 ? `(?:${asPattern(character)}|${sent})` : sent;
  });
  return bytes.join("");
}

/** Milliseconds as Caddy reads a duration. Zero would mean "for ever" to most of its settings. */
export function asDuration(milliseconds: number): string {
  return `${Math.max(1, Math.round(milliseconds))}ms`;
}

/** A regular expression of Go's that matches decimal numbers greater than this one. */
export function greaterThan(number: number): string {
  const digits = String(Math.max(0, Math.floor(number)));
  const longer = `[1-9]\\d{${digits.length},}`;
  const larger = [...digits].flatMap((digit, index) => {
    if (digit === "9") return [];
    return `${digits.slice(0, index)}[${Number(digit) + 1}-9]\\d{${digits.length - index - 1}}`;
  });
  return `^0*(?:${[longer, ...larger].join("|")})$`;
}
