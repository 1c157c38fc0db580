import { matchesName } from "../../base/name-pattern.ts";

/**
 * The license of an SPDX expression that a pattern forbids; undefined where there is a way to use the package without one:
 * of `MIT OR GPL-3.0-only` one may choose, of `MIT AND GPL-3.0-only` not.
 */
export function forbiddenBy(expression: string, patterns: readonly string[]): string | undefined {
  const words = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const isWord = (word: string) => words[at]?.toUpperCase() === word;

  /** SPDX annex D.4: AND binds before OR. */
  function either(): string | undefined {
    const choices = [both()];
    while (isWord("OR")) {
      at += 1;
      choices.push(both());
    }
    return choices.includes(undefined) ? undefined : choices[0];
  }
  function both(): string | undefined {
    let found = one();
    while (isWord("AND")) {
      at += 1;
      const next = one();
      found ??= next;
    }
    return found;
  }
  function one(): string | undefined {
    if (isWord("(")) {
      at += 1;
      const inner = either();
      at += 1;
      return inner;
    }
    const name = words[at] ?? "";
    at += 1;
    // An exception makes a license milder, and never another one.
    if (isWord("WITH")) at += 2;
    return patterns.some((pattern) => matchesName(pattern.toLowerCase(), name.toLowerCase())) ? name : undefined;
  }

  const found = either();
  // What is no expression, such as `GNU General Public License`, is a name.
  if (at >= words.length) return found;
  return patterns.some((pattern) => matchesName(pattern.toLowerCase(), expression.toLowerCase()))
    ? expression
    : undefined;
}
