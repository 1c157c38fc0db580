import fc from "fast-check";
import { expect, it } from "vitest";
import { fitsSchema } from "../../src/environment/fits-schema.ts";
import validate from "../../src/environment/validator.generated.js";
import { documents, spoil } from "./documents.ts";

it("agrees with ajv about documents that have the schema's shape", () => {
  let fitting = 0;
  fc.assert(
    fc.property(documents, (document) => {
      expect(fitsSchema(document)).toBe(validate(document));
      if (validate(document)) fitting += 1;
    }),
    { numRuns: 200 },
  );
  // Values that two alternatives take, and the like, leave some that do not.
  expect(fitting).toBeGreaterThan(60);
});

it("agrees with ajv where something is wrong somewhere", () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e9, "", [], {}, null),
  );
  let wrong = 0;
  fc.assert(
    fc.property(documents, fc.infiniteStream(fc.nat(7)), anything, fc.string(), (document, steps, value, key) => {
      const spoiled = spoil(document, steps, value, key);
      expect(fitsSchema(spoiled)).toBe(validate(spoiled));
      if (!validate(spoiled)) wrong += 1;
    }),
    { numRuns: 500 },
  );
  expect(wrong).toBeGreaterThan(250);
});
