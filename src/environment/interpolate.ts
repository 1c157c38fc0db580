/** What is wrong with a `${…}` in a text, and where in that text. */
interface InterpolationError {
  readonly offset: number;
  readonly length: number;
  readonly message: string;
  readonly variable: string | undefined;
}

export interface Interpolation {
  readonly text: string;
  /** False where there was nothing to replace. */
  readonly changed: boolean;
  readonly errors: readonly InterpolationError[];
}

const maximumDepth = 64;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;

/**
 * Replaces `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`, `${NAME?message}`; `$$` is a
 * dollar sign, and `$NAME` without braces stays as it is, for the program that runs to make something of. With the colon, an empty value counts as unset (POSIX shell, parameter expansion). Defaults may nest; what a
 * variable holds is taken as it is and never replaced again.
 */
export function interpolate(text: string, lookUp: (variable: string) => string | undefined): Interpolation {
  if (!text.includes("$")) return { text, changed: false, errors: [] };
  const errors: InterpolationError[] = [];
  const { result } = expand(text, 0, 0, lookUp, errors, false);
  return { text: result, changed: true, errors };
}

function expand(
  text: string,
  from: number,
  depth: number,
  lookUp: (variable: string) => string | undefined,
  errors: InterpolationError[],
  nested: boolean,
): { result: string; end: number; stop?: boolean } {
  let result = "";
  let at = from;
  while (at < text.length) {
    const character = text[at];
    if (nested && character === "}") return { result, end: at };
    if (character !== "$") {
      result += character;
      at += 1;
      continue;
    }
    if (text[at + 1] === "$") {
      result += "$";
      at += 2;
      continue;
    }
    if (text[at + 1] !== "{") {
      result += character;
      at += 1;
      continue;
    }
    name.lastIndex = at + 2;
    const variable = name.exec(text)?.[0];
    if (variable === undefined) {
      errors.push({ offset: at, length: 2, message: "a variable's name is missing after `${`", variable: undefined });
      result += character;
      at += 1;
      continue;
    }
    const replaced = expandBraced(text, at, name.lastIndex, variable, lookUp(variable), depth, lookUp, errors);
    result += replaced.result;
    at = replaced.end;
    if (replaced.stop) return { result, end: text.length, stop: true };
  }
  return { result, end: at };
}

function expandBraced(
  text: string,
  start: number,
  after: number,
  variable: string,
  value: string | undefined,
  depth: number,
  lookUp: (variable: string) => string | undefined,
  errors: InterpolationError[],
): { result: string; end: number; stop?: boolean } {
  if (text[after] === "}") {
    if (value === undefined) errors.push(unset(start, after + 1 - start, variable));
    return { result: value ?? "", end: after + 1 };
  }
  const operator = /:?[-?]/y;
  operator.lastIndex = after;
  const found = operator.exec(text)?.[0];
  if (found === undefined) {
    const close = text.indexOf("}", after);
    const end = close < 0 ? text.length : close + 1;
    const message =
      close < 0
        ? "the `}` that ends a variable is missing"
        : `after \`${variable}\` only \`}\`, \`:-default\`, \`-default\` or \`:?message\` may follow`;
    errors.push({ offset: start, length: end - start, message, variable: undefined });
    return { result: "", end };
  }
  if (depth >= maximumDepth) {
    errors.push({
      offset: start,
      length: 2,
      message: `defaults are nested more than ${maximumDepth} levels deep`,
      variable: undefined,
    });
    return { result: "", end: text.length, stop: true };
  }
  const missing = value === undefined || (found.startsWith(":") && value === "");
  // What is not taken is read all the same, to find its end, but its own mistakes do not count.
  const inner = expand(text, after + found.length, depth + 1, lookUp, missing ? errors : [], true);
  // The mistake inside is reported already.
  if (inner.stop) return { result: "", end: text.length, stop: true };
  if (text[inner.end] !== "}") {
    errors.push({
      offset: start,
      length: text.length - start,
      message: "the `}` that ends a variable is missing",
      variable: undefined,
    });
    return { result: "", end: text.length, stop: true };
  }
  const end = inner.end + 1;
  if (!missing) return { result: value, end };
  if (found.endsWith("-")) return { result: inner.result, end };
  const reason = inner.result === "" ? "it is required" : inner.result;
  errors.push({ offset: start, length: end - start, message: `\`${variable}\` is not set: ${reason}`, variable });
  return { result: "", end };
}

function unset(offset: number, length: number, variable: string): InterpolationError {
  return { offset, length, message: `\`${variable}\` is not set`, variable };
}
