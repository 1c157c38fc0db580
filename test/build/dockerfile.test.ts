// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles, not of JavaScript
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDockerfile } from "../../src/build/dockerfile.ts";
import { readStages, targetStage } from "../../src/build/dockerfile-stages.ts";
import { fillIn, jsonWords, rawWords, unknown } from "../../src/build/dockerfile-words.ts";

const brief = (text: string) =>
  parseDockerfile(text).instructions.map(({ keyword, rest, line, lastLine }) => [keyword, rest, line, lastLine]);

describe("a Dockerfile is taken apart", () => {
  it("into instructions with their lines, over continued lines, comments and empty ones", () => {
    expect(
      brief("# a comment\n\nfrom x as y\nRUN a \\\n  # not this\n\n  && b\\ \n c\n\tCOPY  a  b\r\nCMD x\\\\\nUSER u\n"),
    ).toEqual([
      ["FROM", "x as y", 3, 3],
      ["RUN", "a   && b c", 4, 8],
      ["COPY", "a  b", 9, 9],
      ["CMD", "x\\\\", 10, 10],
      ["USER", "u", 11, 11],
    ]);
  });

  it("with the escape character and the frontend that its first lines name", () => {
    const parsed = parseDockerfile("\uFEFF# syntax = docker/dockerfile:1.7\n#escape=`\nRUN a `\n b \\\nRUN c\n");
    expect([parsed.syntax, parsed.escapeCharacter]).toEqual(["docker/dockerfile:1.7", "`"]);
    expect(parsed.instructions.map(({ rest }) => rest)).toEqual(["a  b \\", "c"]);
    // Behind anything else it is a comment like any other.
    expect(parseDockerfile("# hello\n# escape=`\nFROM x\n").escapeCharacter).toBe("\\");
    expect(parseDockerfile("FROM x\n# syntax=y\n").syntax).toBeUndefined();
  });

  it("with its flags", () => {
    const [copy] = parseDockerfile(`COPY --from=a --link --chown="x y":z --exclude='*.md' -- --odd /t`).instructions;
    expect(copy?.flags).toEqual([
      { name: "from", value: "a" },
      { name: "link", value: undefined },
      { name: "chown", value: "x y:z" },
      { name: "exclude", value: "*.md" },
    ]);
    expect(copy?.rest).toBe("--odd /t");
  });

  it("with here-documents", () => {
    const text = `COPY <<one <<-"two" /t/\na $X\nFROM not\none\n\tb\n\ttwo\nRUN <<EOF cat\nmake\nEOF\nCMD ["<<no"]\n`;
    const [copy, run, cmd] = parseDockerfile(text).instructions;
    expect(copy?.heredocs).toEqual([
      { name: "one", expands: true, content: "a $X\nFROM not\n" },
      { name: "two", expands: false, content: "b\n" },
    ]);
    expect(run?.heredocs).toEqual([{ name: "EOF", expands: true, content: "make\n" }]);
    expect([copy?.lastLine, run?.line, cmd?.line]).toEqual([6, 7, 10]);
    expect(parseDockerfile("RUN <<EOF\nnever ended\n").instructions).toHaveLength(1);
  });

  it("with here-documents where BuildKit sees them, and nowhere else", () => {
    const keywords = (text: string) => parseDockerfile(text).instructions.map(({ keyword }) => keyword);
    expect(keywords("RUN [ -d /x ] && cat <<EOF > /y\nCOPY not this\nEOF\nCMD x\n")).toEqual(["RUN", "CMD"]);
    expect(keywords("RUN cat << 'EOF' > /y\nCOPY not this\nEOF\nCMD x\n")).toEqual(["RUN", "CMD"]);
    expect(keywords("ONBUILD RUN <<EOF\nCOPY not this\nEOF\nCMD x\n")).toEqual(["ONBUILD", "CMD"]);
    expect(keywords(`RUN node -e "x = 1 <<2 ; y"\nCOPY a b\nCMD x\n`)).toEqual(["RUN", "COPY", "CMD"]);
    expect(keywords("RUN echo $((1 << 2))\nCOPY a b\nCMD x\n")).toEqual(["RUN", "COPY", "CMD"]);
  });

  it("whatever it says", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            "\\",
            "\n",
            "`",
            '"',
            "'",
            "#",
            "<<E",
            "E",
            "--a=",
            "COPY ",
            "FROM ",
            "$",
            "{",
            "}",
            " ",
          ),
        }),
        (text) => {
          const lines = text.split("\n").length;
          for (const { line, lastLine } of parseDockerfile(text).instructions) {
            expect(line).toBeGreaterThan(0);
            expect(lastLine).toBeGreaterThanOrEqual(line);
            expect(lastLine).toBeLessThanOrEqual(lines);
          }
          readStages(parseDockerfile(text), { args: {} });
        },
      ),
    );
  });
});

describe("words are filled in", () => {
  const values: Readonly<Record<string, string | typeof unknown>> = { A: "a", EMPTY: "", U: unknown };
  const fill = (word: string) => fillIn(word, "\\", (name) => values[name]);

  it.each([
    ["$A/${A}b", "a/ab"],
    ["$NOT-${NOT}", "-"],
    ["${NOT:-x}${EMPTY:-y}${EMPTY-z}${A:-w}", "xya"],
    ["${A:+set}${EMPTY:+set}${EMPTY+set}${NOT+set}", "setset"],
    ["${NOT:-${A}/b}", "a/b"],
    ["'$A' \"$A\" \\$A \"\\$A\" '\\n'", "$A a $A $A \\n"],
    ["a$", "a$"],
    ["${A:?message}", "a"],
  ])("%s", (word, text) => expect(fill(word)).toEqual({ text, known: true }));

  it.each(["$U", "${U:-x}", "${NOT:-$U}", "${A:+$U}", "${A#x}", "${A/b/c}"])("%s cannot be told", (word) =>
    expect(fill(word).known).toBe(false),
  );

  it("but what is not used need not be known", () => {
    expect(fill("${A:-$U}${NOT:+$U}")).toEqual({ text: "a", known: true });
  });

  it("splits at blanks outside of quotes, and reads JSON", () => {
    expect(rawWords(`a "b c"  d\\ e 'f g'h`, "\\")).toEqual(["a", '"b c"', "d\\ e", "'f g'h"]);
    expect(jsonWords('["a", "b c"]')).toEqual(["a", "b c"]);
    for (const other of ["a", "[a]", '["a", 1]', '{"a": 1}']) expect(jsonWords(other)).toBeUndefined();
  });
});

describe("stages", () => {
  it("have what ARG and ENV say at each place", () => {
    const text = `ARG TAG=1
FROM base:$TAG AS one
ARG TAG
ENV A=$TAG B="x y" C=$A
ENV old two words
FROM one
ARG TAG=2
ENV D=$A$TAG
`;
    const [one, two] = readStages(parseDockerfile(text), { args: {} });
    expect(one?.from).toEqual({ kind: "image", name: "base:1" });
    expect(one?.variables.environment).toEqual({ TAG: "1", A: "1", B: "x y", old: "two words" });
    expect(two?.from).toEqual({ kind: "stage", stage: 0 });
    expect(two?.variables.environment).toMatchObject({ A: "1", TAG: "2", D: "12" });
    const given = readStages(parseDockerfile(text), { args: { TAG: "9" } });
    expect([given[0]?.from, given[1]?.variables.environment.D]).toEqual([{ kind: "image", name: "base:9" }, "99"]);
  });

  it("are found by name in any case, by number, or as the last", () => {
    const stages = readStages(parseDockerfile("FROM a AS One\nFROM b\nFROM one AS c\n"), { args: {} });
    const found = ["ONE", "1", undefined, "none"].map((target) => targetStage(stages, target)?.index);
    expect(found).toEqual([0, 1, 2, undefined]);
    expect(stages[2]?.from).toEqual({ kind: "stage", stage: 0 });
  });
});
