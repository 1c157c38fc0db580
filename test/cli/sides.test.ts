import fc from "fast-check";
import { expect, it } from "vitest";
import { renderSides, wrap } from "../../src/cli/view/sides.ts";
import { displayWidth } from "../../src/cli/view/width.ts";

const rows = [{ what: "app.command", left: "node server.js --port 8080", right: "none" }];
const names = { left: "test", right: "prod" };
const paint = (_: unknown, text: string) => text;

it("puts two sides beside one another, and, where that does not fit, below", () => {
  expect(renderSides("configuration", names, rows, { paint, width: 80 })).toBe(
    "CONFIGURATION  TEST                        PROD\napp.command    node server.js --port 8080  none",
  );
  expect(renderSides("configuration", names, rows, { paint, width: 24 })).toBe(
    ["CONFIGURATION", "app.command", "  test  node server.js", "        --port 8080", "  prod  none"].join("\n"),
  );
});

it("loses nothing where it wraps, and keeps to the width", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), fc.integer({ min: 10, max: 40 }), (text, width) => {
      const lines = wrap(text, width);
      expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    }),
  );
});
