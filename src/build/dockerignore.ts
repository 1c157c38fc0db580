import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type PathPattern, parsePathPattern } from "../base/path-pattern.ts";

interface Rule extends PathPattern {
  readonly negated: boolean;
}

/** Which rules matched a directory, in either reading: they hold for everything below it. */
export interface RuleMatches {
  readonly current: readonly boolean[];
  readonly older: readonly boolean[];
}

export interface Verdict {
  readonly excluded: boolean;
  readonly matches: RuleMatches;
}

/**
 * `.dockerignore` as Docker reads it, not as `.gitignore` is read: `node_modules` is the root's only, `*` stops at slashes,
 * case counts, and a later `!` brings back what lies below an excluded directory. The JavaScript port on npm is
 * case-insensitive, trips over `c++` and over files called `constructor`, hence our own.
 *
 * Engines disagree where patterns contradict each other, and on `**.log`. Up to 22 the last pattern that matches a path or
 * a directory above it decides (moby, `MatchesOrParentMatches`); since then a pattern that would not have changed the
 * directory's verdict is forgotten for what is in it (`MatchesUsingParentResults`). A file counts as excluded only if both
 * readings exclude it: one too many in the fingerprint costs a build at worst, one too few would hide a change.
 * (Older engines also don't look below excluded directories for exceptions with wildcards: they deliver fewer files.)
 */
export class DockerIgnore {
  readonly #rules: readonly Rule[];
  /** Without wildcards in the exceptions, most excluded directories need not be walked. */
  readonly #plainExceptions: readonly string[] | undefined;

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    const exceptions = rules.filter((rule) => rule.negated).map((rule) => rule.text.replace(/\/\*\*?$/, ""));
    this.#plainExceptions = exceptions.some((pattern) => /[*?[\]^\\]/.test(pattern)) ? undefined : exceptions;
  }

  static readonly none = new DockerIgnore([]);

  /** Reads the file's text. `file` is for messages. Throws `dockerignore-invalid` for a malformed pattern. */
  static parse(text: string, file: string): DockerIgnore {
    const rules: Rule[] = [];
    for (const [index, line] of text
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
      .entries()) {
      if (line.startsWith("#")) continue;
      const trimmed = line.trim();
      if (trimmed === "") continue;
      const negated = trimmed.startsWith("!");
      const pattern = parsePathPattern(negated ? trimmed.slice(1).trim() : trimmed);
      if (pattern === undefined) throw invalid(file, index + 1, line);
      rules.push({ ...pattern, negated });
    }
    return new DockerIgnore(rules);
  }

  /** Judges one path (slashes, relative to the context). `parent` is the verdict's `matches` of its directory. */
  judge(path: string, parent: RuleMatches | undefined): Verdict {
    let excludedNow = false;
    const current = this.#rules.map((rule, index) => {
      const known = parent?.current[index] ?? false;
      const match = known || (rule.negated === excludedNow && rule.current.test(path));
      if (match) excludedNow = !rule.negated;
      return match;
    });
    let excludedBefore = false;
    const older = this.#rules.map((rule, index) => {
      const match = (parent?.older[index] ?? false) || rule.older.test(path);
      if (match) excludedBefore = !rule.negated;
      return match;
    });
    return { excluded: excludedNow && excludedBefore, matches: { current, older } };
  }

  /** Judges one path alone, its directories first. */
  excludes(path: string): boolean {
    let verdict: Verdict | undefined;
    const names = path.split("/");
    for (const index of names.keys()) {
      verdict = this.judge(names.slice(0, index + 1).join("/"), verdict?.matches);
    }
    return verdict?.excluded ?? false;
  }

  /** Whether an exception could bring back something below this excluded directory. */
  mayIncludeBelow(directory: string): boolean {
    if (this.#plainExceptions === undefined) return true;
    return this.#plainExceptions.some((pattern) => `${pattern}/`.startsWith(`${directory}/`));
  }
}

function invalid(file: string, line: number, text: string): EnvctlError {
  return new EnvctlError({
    code: "dockerignore-invalid",
    exitCode: ExitCode.usage,
    what: `This pattern can't be read: ${text.trim()}`,
    where: `${file}:${line}`,
    next: "Close every [ with a ], and put a pattern behind every !.",
  });
}
