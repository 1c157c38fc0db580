/** What the image makes of a file's permission bits: `mode & ~clear | set`. */
export interface ModeChange {
  readonly clear: number;
  readonly set: number;
}

/** The bits that a file has in the container, from those it has on this machine. */
export function applyMode(change: ModeChange | undefined, mode: number): number {
  return change ? ((mode & ~change.clear) | change.set) & 0o7777 : mode;
}

/** First the one, then the other. */
export function followMode(first: ModeChange | undefined, then: ModeChange): ModeChange {
  if (!first) return then;
  return { clear: first.clear | then.clear, set: (first.set & ~then.clear) | then.set };
}

const bits: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111 };
const classes: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };

/** `755`, `u+x`, `go-w,a+r`: what chmod and `--chmod` take. Undefined for what depends on more than the bits themselves. */
export function parseMode(text: string): ModeChange | undefined {
  if (/^[0-7]{3,4}$/.test(text)) return { clear: 0o7777, set: Number.parseInt(text, 8) };
  let change: ModeChange | undefined;
  for (const clause of text.split(",")) {
    const [, who = "", operator, what = ""] = /^([ugoa]*)([-+=])([rwx]*)$/.exec(clause) ?? [];
    if (operator === undefined) return undefined;
    // Without a class the umask has a say; builders have 022, which takes writing from group and others.
    const mask = who === "" ? 0o777 : [...who].reduce((sum, one) => sum | (classes[one] ?? 0), 0);
    const named = [...what].reduce((sum, one) => sum | (bits[one] ?? 0), 0) & mask;
    const affected = who === "" ? named & ~0o022 : named;
    const next = operator === "-" ? { clear: affected, set: 0 } : { clear: operator === "=" ? mask : 0, set: affected };
    change = followMode(change, next);
  }
  return change;
}
