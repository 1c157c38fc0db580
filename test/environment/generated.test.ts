import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { generateReadme } from "../generate/reference.ts";
import { generateValidator } from "../generate/validator.ts";

describe("what is generated from the schema", () => {
  it("is current: npm run generate", async () => {
    const committed = await readFile(new URL("../../src/environment/validator.generated.js", import.meta.url), "utf8");
    expect(committed === (await generateValidator())).toBe(true);
  });

  it("is current in the README too: npm run generate", async () => {
    expect(await readFile(new URL("../../README.md", import.meta.url), "utf8")).toBe(await generateReadme());
  });

  it("has a description on every key", async () => {
    const schema: unknown = JSON.parse(
      await readFile(new URL("../../schemas/envctl.schema.json", import.meta.url), "utf8"),
    );
    const bare: string[] = [];
    const visit = (node: unknown, path: string) => {
      if (typeof node !== "object" || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === "properties") {
          for (const [name, property] of Object.entries(value as Record<string, Record<string, unknown>>)) {
            if (!property.description && !property.$ref) bare.push(`${path}.${name}`);
          }
        }
        visit(value, `${path}.${key}`);
      }
    };
    visit(schema, "");
    expect(bare).toEqual([]);
  });
});
