/**
 * A text as one argument of a line. Between single quotes HAProxy interprets nothing, but a line's end is one even
 * there. It has no way to write a NUL, and takes an empty argument for the end of the line.
 */
export function quoted(text: string): string {
  const whole = text.replaceAll("\0", "") || "\n";
  return `'${whole.replaceAll(/[\p{Cc}']/gu, (character) => `'${escaped(character)}'`)}'`;
}

/** A text as one argument where HAProxy would replace `%[src]` and the like. */
export function quotedFormat(text: string): string {
  return quoted(text.replaceAll("%", "%%"));
}

function escaped(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** A text as a name of HAProxy's own: letters, digits, dots and dashes, and all else as the hex digits of its bytes. */
export function asName(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9.-]+/gu, (odd) =>
    [...Buffer.from(odd)].map((byte) => `_${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

/** The text that a name was made of; undefined if it was made of none. */
export function fromName(name: string): string | undefined {
  if (!/^(?:[a-zA-Z0-9.-]|_[0-9a-f]{2})+$/.test(name)) return undefined;
  try {
    return decodeURIComponent(name.replaceAll("_", "%"));
  } catch {
    return undefined;
  }
}

/** A path as browsers send it. */
export function asRequested(path: string): string {
  return path.replaceAll(/[^a-zA-Z0-9\-._~!$&'()*+,;=:@/]+/gu, (odd) =>
    [...Buffer.from(odd)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** Milliseconds as HAProxy takes them: it knows no longer ones, and zero would mean "for ever" to it. */
export function asTime(milliseconds: number): string {
  return `${Math.min(2_147_483_647, Math.max(1, Math.round(milliseconds)))}ms`;
}
