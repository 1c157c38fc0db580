import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { DockerIgnore } from "../../src/build/dockerignore.ts";

/** Cases from the documentation of .dockerignore and from the behaviour of BuildKit. */
const cases: readonly (readonly [patterns: string, path: string, excluded: boolean])[] = [
  ["node_modules", "node_modules", true],
  ["node_modules", "node_modules/a/b.js", true],
  ["node_modules", "packages/a/node_modules", false],
  ["**/node_modules", "packages/a/node_modules/x", true],
  ["**/node_modules", "node_modules", true],
  ["/node_modules/", "node_modules/x", true],
  ["*.log", "a.log", true],
  ["*.log", "logs/a.log", false],
  ["*/temp*", "sub/temporary.txt", true],
  ["*/temp*", "a/b/temp", false],
  ["*/*/temp*", "a/b/temporary", true],
  ["temp?", "tempa", true],
  ["temp?", "temp", false],
  ["**/*.go", "a/b/c.go", true],
  ["**/*.go", "c.go", true],
  ["*.md\n!README.md", "README.md", false],
  ["*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true],
  ["*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false],
  ["*\n!src", "src/a.ts", false],
  ["*\n!src", "docs/a.md", true],
  ["*\n!src\nsrc/*.test.ts", "src/a.test.ts", true],
  ["# comment\n\n  a.txt  ", "a.txt", true],
  ["\uFEFFa.txt", "a.txt", true],
  ["a.txt\r\nb.txt\r\n", "b.txt", true],
  [" # no comment", "# no comment", true],
  ["./a/../b", "b/c", true],
  ["a/**", "a/b/c", true],
  ["a/**", "a", false],
  ["**", "any/thing", true],
  ["**/", "any/thing", true],
  ["a/**/z", "a/z", true],
  ["a/**/z", "a/b/c/z/y", true],
  // Where engines disagree, what one of them delivers is not excluded.
  ["**.pyc", "pkg/mod.pyc", false],
  ["**.pyc", "pkg/.pyc", true],
  ["*\n!**.pyc", "pkg/mod.pyc", false],
  ["src/b\n!src", "src/b", false],
  ["src\n!src/deep\nsrc", "src/deep/a", false],
  ["!src\n**/src", "src", true],
  ["!src\n**/src", "src/deep/a", false],
  ["!docs\n**/src", "src/deep/a", true],
  ["!**/*.md\n**/src", "src/deep/a", true],
  ["Makefile", "makefile", false],
  ["c++", "c++/main.cc", true],
  ["a.b", "axb", false],
  ["(group)/[id].tsx", "(group)/i.tsx", true],
  ["\\[id\\].tsx", "[id].tsx", true],
  ["[a-c].txt", "b.txt", true],
  ["[^a-c].txt", "b.txt", false],
  ["[^a-c].txt", "x.txt", true],
  ["[.-].txt", "-.txt", true],
  ["*", "constructor", true],
  ["nothing", "constructor", false],
  ["ü?.txt", "ü😀.txt", true],
  ["a b", "a b", true],
  ["**", "new\nline", false],
  ["*", "new\nline", true],
  ["! b\na", "a", true],
];

describe(".dockerignore", () => {
  it.each(cases)("%j: %s excluded: %s", (patterns, path, excluded) => {
    expect(DockerIgnore.parse(patterns, ".dockerignore").excludes(path)).toBe(excluded);
  });

  it.each(["[", "a[", "[]", "[a", "a\\", "!", "[z-a]"])("says where %j is malformed", (pattern) => {
    try {
      DockerIgnore.parse(`ok\n${pattern}\n`, "/x/.dockerignore");
    } catch (error) {
      expect(error).toBeInstanceOf(EnvctlError);
      expect((error as EnvctlError).where).toBe("/x/.dockerignore:2");
      expect((error as EnvctlError).exitCode).toBe(2);
      return;
    }
    throw new Error("was accepted");
  });

  it("never crashes on any text, and never excludes without patterns", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ minLength: 1, unit: "binary" }), (text, path) => {
        try {
          DockerIgnore.parse(text, "f").excludes(path);
        } catch (error) {
          expect(error).toBeInstanceOf(EnvctlError);
        }
        expect(DockerIgnore.none.excludes(path)).toBe(false);
      }),
    );
  });

  it("tells of every excluded directory that may hold something included", () => {
    const name = fc.constantFrom("a", "b", "c");
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    const pattern = fc
      .tuple(fc.boolean(), fc.array(fc.constantFrom("a", "b", "c", "*", "**", "?"), { minLength: 1, maxLength: 4 }))
      .map(([negated, parts]) => `${negated ? "!" : ""}${parts.join("/")}`);
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 6 }), path, (patterns, file) => {
        const ignore = DockerIgnore.parse(patterns.join("\n"), "f");
        if (ignore.excludes(file)) return;
        const names = file.split("/");
        for (let length = 1; length < names.length; length += 1) {
          const directory = names.slice(0, length).join("/");
          if (ignore.excludes(directory)) expect(ignore.mayIncludeBelow(directory)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
