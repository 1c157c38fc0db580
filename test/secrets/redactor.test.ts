import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redactor } from "../../src/secrets/redactor.ts";

describe("the redactor", () => {
  it("masks values, the longest first", () => {
    expect(redactor(["abc", "abcdef"]).redact("x abcdef y abc z")).toBe("x *** y *** z");
  });

  it("leaves text alone without secrets, and ignores empty ones", () => {
    expect(redactor([""]).redact("nothing here")).toBe("nothing here");
  });

  it("takes characters of expressions literally", () => {
    expect(redactor(["a.c*(d)[e]"]).redact("abc a.c*(d)[e]")).toBe("abc ***");
  });

  it("takes values of any length", () => {
    const long = "0123456789abcdef".repeat(10_000);
    expect(redactor([long]).redact(`a${long}b`)).toBe("a***b");
  });

  it("masks each line of a value that spans several", () => {
    const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END KEY-----\n";
    const { redact } = redactor([key]);
    expect(redact("MIIEvQIBADANBg")).toBe("***");
    expect(redact(`k: ${JSON.stringify(key)}`)).not.toMatch(/MIIE|kqhk/);
  });

  it.each([
    ["Go's and Python's URLs", "p%40s%24%21w%28rd%29%27"],
    ["an address, as browsers and Node write a password into it", "p%40s$!w(rd)'"],
  ])("masks what has marks in it in %s", (_, printed) => {
    expect(redactor(["p@s$!w(rd)'"]).redact(`postgres://shop:${printed}@db`)).toBe("postgres://shop:***@db");
  });

  it.each([
    ["Go's and Ruby's JSON", String.raw`{"dsn":"postgres://shop:\u003cü\u003e@db/shop?a=1\u0026b='2'"}`],
    ["PHP's JSON", String.raw`{"dsn":"postgres:\/\/shop:<\u00fc>@db\/shop?a=1&b='2'"}`],
    ["Python's JSON", String.raw`{"dsn":"postgres://shop:<\u00fc>@db/shop?a=1&b='2'"}`],
  ])("masks what has marks in it in %s", (_, printed) => {
    expect(redactor(["postgres://shop:<ü>@db/shop?a=1&b='2'"]).redact(printed)).toBe('{"dsn":"***"}');
  });

  it.each([
    ["bash, which traces a script", String.raw`+ login 'it'\''s $5 \ "now"'`],
    ["dash, which prints its variables", String.raw`+ login 'it'"'"'s $5 \ "now"'`],
    ["bash, which prints its variables", String.raw`+ login "it's \$5 \\ \"now\""`],
    ["Python, which prints a value", String.raw`+ login 'it\'s $5 \\ "now"'`],
  ])("masks what has quotes in it in the words of %s", (_, printed) => {
    expect(redactor([String.raw`it's $5 \ "now"`]).redact(printed)).toMatch(/^\+ login (['"])\*\*\*\1$/);
  });

  it("masks what .NET writes into a URL: a plus for each space, and small digits", () => {
    expect(redactor(["päss w/rd"]).redact("https://x/?key=p%c3%a4ss+w%2frd")).toBe("https://x/?key=***");
  });

  it("masks encoded forms wherever they stand", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 40, unit: "binary" }),
        fc.string({ maxLength: 12 }),
        fc.string({ maxLength: 12 }),
        (value, before, after) => {
          const { redact } = redactor([value]);
          const bytes = Buffer.from(value).toString();
          expect(redact(value)).toBe("***");
          expect(redact(encodeURIComponent(bytes))).toBe("***");
          // Inside of a longer Base64 text at most the value's first and last byte may be left to guess.
          const whole = Buffer.from(`${before}:${value}:${after}`).toString("base64");
          expect(redact(whole)).toContain("***");
          expect(redact(whole.replaceAll("+", "-").replaceAll("/", "_"))).toContain("***");
        },
      ),
    );
  });
});
