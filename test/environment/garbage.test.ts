// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of the environment file, not of JavaScript
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EnvctlError } from "../../src/base/errors.ts";
import { fitsSchema } from "../../src/environment/fits-schema.ts";
import { interpolate } from "../../src/environment/interpolate.ts";
import type { ReadResult } from "../../src/environment/load.ts";
import { splitWords } from "../../src/environment/split-words.ts";
import { documents, spoil } from "./documents.ts";
import { minimal, readText } from "./read.ts";

/** Reads, and allows only two endings: an environment, or an error for people. Time counts too: what of it this process had. */
async function endingOf(text: string | Uint8Array): Promise<ReadResult | undefined> {
  const begun = process.cpuUsage();
  let result: ReadResult | undefined;
  try {
    result = await readText(text, { A: "a" });
    if (!result.environment) expect(result.error).toBeInstanceOf(EnvctlError);
    for (const { position } of result.problems) expect(Math.min(position.line, position.column)).toBeGreaterThan(0);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvctlError);
    expect((error as EnvctlError).exitCode).toBe(2);
  }
  const { user, system } = process.cpuUsage(begun);
  expect((user + system) / 1_000_000).toBeLessThan(20);
  return result;
}

async function survives(text: string | Uint8Array): Promise<void> {
  await endingOf(text);
}

const valid = `${minimal}app: { port: 80, env: { A: "\${A:-b}" }, health: { path: / } }\nservices: { db: { image: "postgres:16" } }\ntasks: { t: { command: [x] } }\nstages:\n  dev: { hosts: [local], ports: ["1:1"] }\n  test: { after: dev, hosts: ["ssh://a"] }\n`;

describe("garbage", () => {
  it("is refused with words, whatever its bytes", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), survives), { numRuns: 150 });
  });

  it("is refused with words, whatever its characters", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom(..."{}[]:,-&*!|>'\"%@`#?$ \n\tabc01~<="), maxLength: 200 }),
        survives,
      ),
      { numRuns: 300 },
    );
  });

  it("is refused with words, where a good file was cut and patched at random", async () => {
    const edit = fc.record({ at: fc.nat(valid.length), remove: fc.nat(20), insert: fc.string({ maxLength: 8 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        await survives(
          edits.reduce((text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove), valid),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("is refused with words, where values of any kind stand anywhere", async () => {
    const keys = fc.constantFrom(
      "name",
      "image",
      "repository",
      "app",
      "stages",
      "dev",
      "hosts",
      "ports",
      "env",
      "health",
      "after",
      "services",
      "db",
      "rollout",
      "tasks",
      "__proto__",
      "constructor",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, 0, -1, 1e99, "", "x", "${A}", "1s"),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(keys, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, (value) => survives(JSON.stringify(value) ?? "")),
      { numRuns: 300 },
    );
  });

  it("is refused with words, where one value of a whole file is of another kind", async () => {
    const others = fc.constantFrom(
      null,
      true,
      0,
      -1,
      1e99,
      "",
      "x",
      [],
      ["x"],
      [{}],
      [{ a: 1 }],
      [[]],
      {},
      { a: { b: [] } },
    );
    await fc.assert(
      fc.asyncProperty(documents, fc.infiniteStream(fc.nat(7)), others, async (document, steps, other) => {
        const spoiled = spoil(document, steps, other, "other");
        const result = await endingOf(JSON.stringify(spoiled));
        if (result?.environment) expect(fitsSchema(spoiled)).toBe(true);
      }),
      { numRuns: 500 },
    );
  }, 120_000);

  it.each([
    [
      "a bomb of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
        .split("")
        .map((name, index) => `${name}: &${name} [${`*${"abcdefghi"[index]},`.repeat(9)}]`)
        .join("\n")}\n`,
    ],
    ["an alias in itself", "a: &a [*a]\n"],
    ["10,000 brackets", "[".repeat(10_000)],
    ["10,000 braces in a value", `name: ${"{a: ".repeat(10_000)}`],
    ["1 MiB of keys", Array.from({ length: 60_000 }, (_, index) => `k${index}: v`).join("\n")],
    ["1 MiB of one scalar", `name: ${"${A}".repeat(250_000)}`],
  ])(
    "%s does not hang it",
    async (_, text) => {
      await survives(text.slice(0, 1024 * 1024));
    },
    120_000,
  );
});

describe("variables", () => {
  const names = fc.stringMatching(/^[A-Z]{1,4}$/);

  it("leaves a text without dollar signs as it is", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("$")),
        (text) => {
          expect(interpolate(text, () => "no").text).toBe(text);
        },
      ),
    );
  });

  it("escapes: doubled dollars come back as they were", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(interpolate(text.replaceAll("$", "$$$$"), () => "no").text).toBe(text);
      }),
    );
  });

  it("takes a value as it is, whatever is in it", () => {
    fc.assert(
      fc.property(names, fc.string(), (name, value) => {
        expect(interpolate(`a\${${name}}b`, () => value).text).toBe(`a${value}b`);
      }),
    );
  });

  it("takes defaults by the rules of the shell", () => {
    const look = (name: string) => ({ SET: "s", EMPTY: "" })[name];
    const text = (source: string) => interpolate(source, look).text;
    expect(
      ["${SET:-d}", "${EMPTY:-d}", "${EMPTY-d}", "${NO-d}", "${NO:-a${SET}b}", "${NO:-${NO:-${NO:-deep}}}", "$SET"].map(
        text,
      ),
    ).toEqual(["s", "d", "", "d", "asb", "deep", "$SET"]);
  });

  it("nests 64 levels deep and no deeper", () => {
    const nested = (depth: number) => `${"${NO:-".repeat(depth)}x${"}".repeat(depth)}`;
    expect(interpolate(nested(64), () => undefined)).toMatchObject({ text: "x", errors: [] });
    expect(interpolate(nested(65), () => undefined).errors[0]?.message).toMatch(/more than 64 levels/);
    expect(interpolate(nested(100_000), () => undefined).errors).toHaveLength(1);
  });

  it("shows where a brace is missing", () => {
    expect(interpolate("ab${X", () => "x").errors).toEqual([
      expect.objectContaining({ offset: 2, message: expect.stringMatching(/`}` .* is missing/) }),
    ]);
    expect(interpolate("ab${X:-c", () => undefined).errors).toEqual([expect.objectContaining({ offset: 2 })]);
  });

  it("splits words as they were quoted", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (words) => {
        const line = words.map((word) => `'${word.replaceAll("'", "'\"'\"'")}'`).join(" ");
        expect(splitWords(line)).toEqual(words);
      }),
    );
  });
});
