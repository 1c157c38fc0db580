import { EnvctlError, ExitCode } from "../base/errors.ts";
import { type PathPattern, parsePathPattern } from "../base/path-pattern.ts";

interface Rule extends PathPattern {
  readonly negated: boolean;
}

/** What holds for everything below a directory: the rules that matched it, in two readings, and what the oldest one skips. */
export interface RuleMatches {
  readonly current: readonly boolean[];
  readonly older: readonly boolean[];
  readonly skipped: boolean;
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
 * directory's verdict is forgotten for what is in it (`MatchesUsingParentResults`). The builder of 20.10 looks at one
 * directory alone, the one as deep as the pattern has parts (`Matches`): two stars and `/src` are nothing to what is in the
 * root's `src`, which is left out only as long as no exception begins with `src`. A file counts as excluded only if all of
 * these readings exclude it: one too many in the fingerprint costs a build at worst, one too few would hide a change.
 */
export class DockerIgnore {
  readonly #rules: readonly Rule[];
  readonly #exceptions: readonly string[];
  /** Without wildcards in the exceptions, most excluded directories need not be walked. */
  readonly #hasWildExceptions: boolean;

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    this.#exceptions = rules.filter((rule) => rule.negated).map((rule) => rule.text.replace(/\/\*\*?$/, ""));
    this.#hasWildExceptions = this.#exceptions.some((pattern) => /[*?[\]^\\]/.test(pattern));
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
    // Without exceptions all readings are one.
    const excludedFirst = this.#exceptions.length === 0 || parent?.skipped || this.#excludedByOne(path);
    return {
      excluded: excludedNow && excludedBefore && excludedFirst,
      matches: { current, older, skipped: excludedFirst && !this.#hasExceptionFrom(path) },
    };
  }

  /** The oldest reading: by the path, or by that one directory above it which is as deep as the pattern. */
  #excludedByOne(path: string): boolean {
    const directories = path.split("/").slice(0, -1);
    let excluded = false;
    for (const { negated, text, older } of this.#rules) {
      const depth = text.split("/").length;
      const isBelow = () => depth <= directories.length && older.test(directories.slice(0, depth).join("/"));
      if (older.test(path) || isBelow()) excluded = !negated;
    }
    return excluded;
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
    return this.#hasWildExceptions || this.#hasExceptionFrom(directory);
  }

  #hasExceptionFrom(directory: string): boolean {
    return this.#exceptions.some((pattern) => `${pattern}/`.startsWith(`${directory}/`));
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
